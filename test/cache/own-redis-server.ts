import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchedRoot } from '../../src/embedded/fetch.ts';
import { findServers, searchFolders } from '../../src/embedded/find.ts';
import { demo } from '../../src/embedded/index.ts';
import { startRedis } from '../../src/embedded/redis.ts';
import type { RunningServer } from '../../src/embedded/server.ts';

/** The program of the Redis that the suite uses. */
export async function redisProgram() {
  const [program] = await findServers(
    'redis',
    searchFolders(process.env['PATH']),
    fetchedRoot(demo.serversDir, 'redis'),
  );
  if (program === undefined) throw new Error('no Redis, though the global setup has started one');
  return program;
}

/** Starts a Redis with data of its own in a folder. */
export async function startRedisIn(folder: string, name: string, args: readonly string[] = []): Promise<RunningServer> {
  const dataDir = join(folder, name);
  await mkdir(dataDir);
  return startRedis({ program: await redisProgram(), dataDir, signal: undefined, args });
}
