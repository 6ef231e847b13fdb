import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { migrationsFolder } from '../../src/cli/migrations-folder.ts';
import { openConnection } from '../../src/data/connection.ts';
import { serverWords } from '../../src/db/errors.ts';
import { applyMigrations } from '../../src/db/migrate.ts';
import { openServer } from '../../src/db/pool.ts';
import { createPreparedShares } from '../../src/db/prepared.ts';
import { startProcess } from '../cli/gateway-process.ts';
import { PATIENT, startGateway } from '../support/gateway.ts';
import { startOwnServers, withConnection, type OwnServers } from '../support/servers.ts';
import { createAuthority, type Authority } from './certificates.ts';
import { startTlsServers } from './tls-servers.ts';

let ours: Authority;
let others: Authority;
let servers: OwnServers;
let plain: OwnServers;
beforeAll(async () => {
  [ours, others, plain] = await Promise.all([createAuthority('ours'), createAuthority('others'), startOwnServers()]);
  servers = await startTlsServers(await ours.issue(['localhost']), ours.certFile);
  await withConnection(servers.database.url, async (connection) => {
    // This way the server itself checks that the connection is encrypted.
    await connection.query("CREATE USER careful IDENTIFIED BY 'a%b' REQUIRE SSL");
    await connection.query('GRANT ALL ON *.* TO careful');
  });
});
afterAll(async () => {
  await Promise.all([servers.close(), plain.close(), ours.remove(), others.remove()]);
});

/** A server's URL with parameters, in which `$CA` and `$OTHER` are replaced with the files of the authorities. */
function urlOf(server: OwnServers, host: string, parameters: string): string {
  const url = new URL(server.database.url);
  const files = parameters.replace('$CA', ours.certFile).replace('$OTHER', others.certFile);
  return `mysql://careful:a%25b@${host}:${url.port}${url.pathname}${files === '' ? '' : `?${files}`}`;
}

const WAIT_MS = 60_000;
const POOL = { connections: 1, statementMs: 60_000, prepared: createPreparedShares(0, 1) };

/** The ways in which a URL is used: the data commands, the migrations, and the pool. */
const WAYS: readonly (readonly [string, (url: string) => Promise<unknown>])[] = [
  ['a command', async (url) => (await openConnection(url)).end()],
  [
    'the migrations',
    (databaseUrl) =>
      applyMigrations({ databaseUrl, folder: migrationsFolder, createsDatabase: false, report: () => undefined }),
  ],
  [
    'the pool',
    async (url) => {
      const server = await openServer(url, WAIT_MS).catch((error: unknown) =>
        Promise.reject(new Error(serverWords(error))),
      );
      const connections = server.createPool(POOL);
      try {
        await connections.pool.query('SELECT 1');
      } finally {
        await connections.close();
      }
    },
  ],
];

describe.each(WAYS)('%s', (_, connect) => {
  test.each([
    ['ssl-mode=REQUIRED', '127.0.0.1'],
    ['ssl-mode=required', '127.0.0.1'],
    ['ssl-mode=REQUIRED&ssl-ca=$CA', '127.0.0.1'],
    ['ssl-mode=VERIFY_CA&ssl-ca=$CA', '127.0.0.1'],
    ['ssl-mode=VERIFY_IDENTITY&ssl-ca=$CA', 'localhost'],
  ])('connects with %s to %s', async (parameters, host) => {
    await connect(urlOf(servers, host, parameters));
  });

  test.each([
    ['', '127.0.0.1', /Access denied/],
    ['ssl-mode=REQUIRED&ssl-ca=$OTHER', '127.0.0.1', /certificate/],
    ['ssl-mode=VERIFY_CA&ssl-ca=$OTHER', '127.0.0.1', /certificate/],
    ['ssl-mode=VERIFY_IDENTITY&ssl-ca=$OTHER', 'localhost', /certificate/],
    ['ssl-mode=VERIFY_IDENTITY&ssl-ca=$CA', '127.0.0.1', /127\.0\.0\.1 is not in the cert/],
    ['ssl-mode=VERIFY_IDENTITY', 'localhost', /certificate/],
  ])('does not connect with "%s" to %s', async (parameters, host, reason) => {
    await expect(connect(urlOf(servers, host, parameters))).rejects.toThrow(reason);
  });

  test('does not connect to a server without TLS', async () => {
    await expect(connect(urlOf(plain, '127.0.0.1', 'ssl-mode=REQUIRED'))).rejects.toThrow(/it does not support TLS/);
  });
});

test('a gateway reads and writes over TLS', async () => {
  const databaseUrl = urlOf(servers, 'localhost', 'ssl-mode=VERIFY_IDENTITY&ssl-ca=$CA');
  const gateway = await startGateway({ databaseUrl, settings: PATIENT });
  try {
    const { createCustomer } = await gateway.data(
      'mutation { createCustomer(input: {name: "Ada"}) { customer { id } userErrors { code } } }',
    );
    const { customer } = await gateway.data('query($id: ID!) { customer(by: {id: $id}) { name } }', {
      id: createCustomer.customer.id,
    });
    expect(customer).toEqual({ name: 'Ada' });
  } finally {
    await gateway.close();
  }
});

test('npm start says in one line why a certificate is refused', async () => {
  const DATABASE_URL = urlOf(servers, '127.0.0.1', 'ssl-mode=VERIFY_CA&ssl-ca=$OTHER');
  const { code, stderr } = await startProcess({ DATABASE_URL, NODE_ENV: 'test' }).ended;
  expect(code).toBe(69);
  expect(stderr).toMatch(
    /^The database crm on 127\.0\.0\.1:\d+ cannot be used: its certificate was refused: .*certificate.*\n$/,
  );
});

test('an idle connection has no time-out, and one in use has', async () => {
  const server = await openServer(urlOf(servers, '127.0.0.1', 'ssl-mode=REQUIRED'), WAIT_MS);
  const connections = server.createPool(POOL);
  const { pool } = connections;
  const sockets: Socket[] = [];
  pool.on('acquire', (connection: unknown) => sockets.push((connection as { socket: Socket }).socket));
  const connection = await pool.getConnection();
  const [secure] = sockets;
  const below = Reflect.get(secure ?? {}, '_parent') as Socket;
  expect([secure?.timeout, below.timeout]).toEqual([POOL.statementMs + WAIT_MS, 0]);
  await connection.query('SELECT 1');
  await connection.release();
  expect([secure?.timeout, below.timeout]).toEqual([0, 0]);
  await connections.close();
  expect([secure?.destroyed, below.destroyed]).toEqual([true, true]);
});
