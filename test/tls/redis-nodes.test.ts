import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startOwnCluster } from '../cache/own-cluster.ts';
import { PATIENT, startGateway, untilRedisUp } from '../support/gateway.ts';
import { pause, until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { createAuthority, type Authority, type KeyPair } from './certificates.ts';

let ours: Authority;
let database: TestDatabase;
beforeAll(async () => {
  [ours, database] = await Promise.all([createAuthority('ours'), createDatabase()]);
});
afterAll(() => Promise.all([ours.remove(), database.drop()]));

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Puts TLS in front of a server, as a proxy does that picks the server by the name that it is asked for. */
async function startFront(serverPort: number, { cert, key }: KeyPair) {
  const names: (string | false | null)[] = [];
  const server = createTlsServer({ cert, key }, (client) => {
    names.push(client.servername);
    const upstream = connect(serverPort, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    client.pipe(upstream).pipe(client);
  });
  return { names, port: await listening(server), close: () => server.close() };
}

test('each node of a cluster is verified by its own name, also one that others have announced', async () => {
  const cluster = await startOwnCluster('secret');
  const pair = await ours.issue(['localhost']);
  const fronts = await Promise.all(cluster.urls.map((url) => startFront(Number(new URL(url).port), pair)));
  for (const [i, node] of cluster.nodes.entries()) {
    await node.config('SET', 'cluster-announce-port', String(fronts[i]?.port));
    await node.config('SET', 'cluster-announce-hostname', 'localhost');
    await node.config('SET', 'cluster-preferred-endpoint-type', 'hostname');
  }
  const places = fronts.map(({ port }) => `localhost,${port}`).sort();
  for (const node of cluster.nodes)
    await until(
      'a node to have heard the names of all',
      async () => (await node.cluster('SLOTS')).map(([, , at]) => at?.slice(0, 2)),
      (seen) => String(seen.map(String).sort()) === String(places),
    );
  // The third is found by what the first two say.
  const urls = fronts.slice(0, 2).map(({ port }) => `rediss://:secret@localhost:${port}?ssl-ca=${ours.certFile}`);
  const gateway = await startGateway({ databaseUrl: database.url, redisUrl: urls.join(), settings: PATIENT });
  await untilRedisUp(gateway);
  await until(
    'every node to be connected to',
    async () => {
      // Each is looked up on the node that has its key.
      for (let i = 0; i < 20; i += 1) await gateway.data(`query Q${i} { customers { totalCount } }`);
      return fronts.map(({ names }) => names.length);
    },
    (counts) => Math.min(...counts) > 0,
  );
  expect(new Set(fronts.flatMap(({ names }) => names))).toEqual(new Set(['localhost']));
  await gateway.close();
  await cluster.close();
  for (const front of fronts) front.close();
});

/** The beginning of a record of a handshake, 16 KiB long. */
const RECORD = Buffer.from([22, 3, 3, 0x40, 0, 2]);

async function drip(socket: Socket): Promise<void> {
  socket.on('error', () => socket.destroy());
  socket.write(RECORD);
  for (; !socket.destroyed; await pause(20)) socket.write('\0');
}

test('a Redis that never finishes its handshake is given up, however much it sends', async () => {
  const server = createServer((socket) => void drip(socket));
  const redisUrl = `rediss://localhost:${await listening(server)}`;
  const settings = { ...PATIENT, CACHE_TIMEOUT_MS: '40' };
  const gateway = await startGateway({ databaseUrl: database.url, redisUrl, settings });
  await until('the log to say why', () => gateway.logLines.some((line) => /ETIMEDOUT/.test(line)));
  const { errors, headers } = await gateway.request('{ customers { totalCount } }');
  expect([errors, headers.get('x-cache')]).toEqual([[], 'BYPASS']);
  await gateway.close();
  server.close();
});
