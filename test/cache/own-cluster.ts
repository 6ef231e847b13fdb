import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startChild } from '../../src/embedded/children.ts';
import { environmentOf } from '../../src/embedded/find.ts';
import { demo } from '../../src/embedded/index.ts';
import { freePort } from '../../src/embedded/ports.ts';
import { startOnPort, waitForAnswer, type RunningServer } from '../../src/embedded/server.ts';
import { PATIENCE_MS, until } from '../support/patience.ts';
import { redisProgram } from './own-redis-server.ts';

/** A Redis Cluster of three primaries, each with a third of the slots. */
export interface OwnCluster {
  /** With the password, as in REDIS_URL. */
  readonly urls: readonly string[];
  /** The nodes' TLS ports, if they were configured for TLS. */
  readonly tlsPorts: readonly number[];
  /** A client for each node. */
  readonly nodes: readonly Redis[];
  /** Starts a replica of the node that has a key, and returns clients for both. */
  addReplica(key: string): Promise<{ readonly primary: Redis; readonly replica: Redis }>;
  readonly close: () => Promise<void>;
}

const SLOTS = 16_384;
const NODES = 3;

/**
 * Starts a cluster that requires a password, in about a second.
 * @param tls a node's arguments for TLS, which it then offers on an additional port
 */
export async function startOwnCluster(password: string, tls: readonly string[] = []): Promise<OwnCluster> {
  const dataDir = join(demo.dataDir, '..', `test-${process.pid}-${randomBytes(4).toString('hex')}`);
  const started = await Promise.all(Array.from({ length: NODES }, () => startNode({ password, dataDir, tls })));
  const urls = started.map(({ url }) => url);
  const nodes = urls.map((url) => new Redis(url));
  const [first] = nodes;
  if (first === undefined) throw new Error('a cluster has nodes');
  const from = (i: number) => Math.ceil((i * SLOTS) / NODES);
  await Promise.all(nodes.map((node, i) => node.cluster('ADDSLOTSRANGE', from(i), from(i + 1) - 1)));
  for (const { port, tlsPort } of started.slice(1)) await first.cluster('MEET', '127.0.0.1', tlsPort || port);
  for (const node of nodes)
    await until(
      'a node to know the whole cluster',
      async () => ({ info: await node.cluster('INFO'), known: await known(node) }),
      (seen) => seen.info.includes('cluster_state:ok') && seen.known === NODES,
    );
  const close = async (): Promise<void> => {
    for (const node of nodes) node.disconnect();
    await Promise.all(started.map(({ child }) => child.stop(PATIENCE_MS)));
    await rm(dataDir, { recursive: true });
  };
  const addReplica: OwnCluster['addReplica'] = async (key) => {
    const slot = await first.cluster('KEYSLOT', key);
    const primary = nodes.findLast((_, i) => from(i) <= slot) ?? first;
    const id = await primary.cluster('MYID');
    const added = await startNode({ password, dataDir, tls });
    started.push(added);
    const replica = new Redis(added.url);
    nodes.push(replica);
    await first.cluster('MEET', '127.0.0.1', added.tlsPort || added.port);
    await until('the new node to know its primary', async () => String(await replica.cluster('NODES')).includes(id));
    await replica.cluster('REPLICATE', id);
    await until('the replica to be in step', async () =>
      /master_link_status:up/.test(await replica.info('replication')),
    );
    return { primary, replica };
  };
  return { urls, tlsPorts: started.map(({ tlsPort }) => tlsPort), nodes, addReplica, close };
}

const known = async (node: Redis): Promise<number> => ((await node.cluster('SLOTS')) as unknown[]).length;

interface NodeOptions {
  readonly password: string;
  readonly dataDir: string;
  readonly tls: readonly string[];
}

/** Nodes talk to each other on the port 10,000 above their own, which must exist and be free as well. */
const withRoomAbove = (port: number): number => (port > 55_000 ? port - 20_000 : port);

async function startNode({ password, dataDir, tls }: NodeOptions): Promise<RunningServer & { tlsPort: number }> {
  let tlsPort = 0;
  const server = await startOnPort({}, async (free) => {
    const port = withRoomAbove(free);
    const program = await redisProgram();
    const folder = join(dataDir, `redis-${port}`);
    await mkdir(folder, { recursive: true });
    const settings = {
      ...{ bind: '127.0.0.1', port: String(port), dir: folder, save: '', appendonly: 'no' },
      ...{ 'cluster-enabled': 'yes', requirepass: password, masterauth: password },
    };
    const logFile = join(folder, 'redis.log');
    if (tls.length > 0) tlsPort = withRoomAbove(await freePort());
    const child = await startChild({
      path: program.path,
      args: [
        ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
        ...(tls.length > 0 ? ['--tls-port', String(tlsPort), '--tls-cluster', 'yes', ...tls] : []),
      ],
      env: environmentOf(program),
      logFile,
      pidFile: join(folder, 'redis.pid'),
    });
    const url = `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`;
    await waitForAnswer({ child, logFile, ask: () => ping(url), signal: undefined, name: program.path });
    return { child, port, url, logFile };
  });
  return { ...server, tlsPort };
}

async function ping(url: string): Promise<void> {
  const node = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  // The command fails as well.
  node.on('error', () => undefined);
  try {
    await node.ping();
  } finally {
    node.disconnect();
  }
}
