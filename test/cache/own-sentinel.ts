import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startChild } from '../../src/embedded/children.ts';
import { environmentOf } from '../../src/embedded/find.ts';
import { freePort } from '../../src/embedded/ports.ts';
import type { RunningServer } from '../../src/embedded/server.ts';
import { PATIENCE_MS, until } from '../support/patience.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { redisProgram, startRedisIn } from './own-redis-server.ts';

/** A Redis with one replica, and one Sentinel that promotes the replica when the primary has not answered for half a second. */
export interface OwnSentinel {
  readonly primary: RunningServer;
  readonly replica: RunningServer;
  /** The port of the server that Sentinel says is the primary. */
  readonly primaryPort: () => Promise<number>;
  readonly close: () => Promise<void>;
}

const NAME = 'main';

export async function startOwnSentinel(): Promise<OwnSentinel> {
  const folder = await createTemporaryFolder();
  const startOne = (name: string, args: readonly string[]) =>
    startRedisIn(folder.path, name, ['--repl-diskless-sync-delay', '0', ...args]);
  const primary = await startOne('primary', []);
  const replica = await startOne('replica', ['--replicaof', '127.0.0.1', String(primary.port)]);
  // Sentinel learns of replicas from the primary, at once or ten seconds later.
  await withClient(primary.port, (client) =>
    until(
      'the replica to be in step',
      () => client.info('replication'),
      (info) => info.includes('state=online'),
    ),
  );
  const port = await freePort();
  const configFile = join(folder.path, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder.path}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds ${NAME} 500`,
  ];
  await writeFile(configFile, lines.join('\n'));
  const program = await redisProgram();
  const sentinel = await startChild({
    path: program.path,
    args: [configFile, '--sentinel'],
    env: environmentOf(program),
    logFile: join(folder.path, 'sentinel.log'),
    pidFile: join(folder.path, 'sentinel.pid'),
  });
  const client = new Redis(port, '127.0.0.1');
  client.on('error', () => undefined);
  const masters = async () => (await client.call('SENTINEL', 'MASTER', NAME)) as string[];
  await until('Sentinel to know the replica', masters, (found) => found[found.indexOf('num-slaves') + 1] === '1');
  sentinel.answers();
  return {
    primary,
    replica,
    async primaryPort() {
      const [, found] = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as [string, string];
      return Number(found);
    },
    async close() {
      client.disconnect();
      await Promise.all([sentinel, primary.child, replica.child].map((child) => child.stop(PATIENCE_MS)));
      await folder.remove();
    },
  };
}

/** Opens a client for `work`, and closes it whatever happens. */
export async function withClient<T>(port: number, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(port, '127.0.0.1');
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}
