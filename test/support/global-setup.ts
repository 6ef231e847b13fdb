import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { demo, startEmbeddedServers } from '../../src/embedded/index.ts';
import { keepForTeardown } from './run-servers.ts';

const data = join(import.meta.dirname, '../../.data');

/**
 * Starts throw-away servers for the whole run; the database server only where TEST_DATABASE_URL names none. Tests find
 * them through servers.ts.
 */
export default async function globalSetup(): Promise<void> {
  await removeCrashedRuns();
  if (!process.env['NORTHWIND_DIR'])
    console.log("Left out: test/northwind, which needs the folder of Northwind's CSV files in NORTHWIND_DIR.");
  const given = process.env['TEST_DATABASE_URL'];
  const dataDir = join(data, `test-${process.pid}`);
  const servers = await startEmbeddedServers({
    dataDir,
    serversDir: demo.serversDir,
    database: given === undefined,
    redis: true,
    databaseName: 'test',
    throwAway: true,
    report: (line) => console.log(line),
  });
  keepForTeardown(servers, dataDir);
  process.env['TEST_SERVER_URL'] = given ?? servers.databaseUrl;
  process.env['TEST_REDIS_URL'] = servers.redisUrl;
}

/** Each run has a folder named by its process id; a run that crashed has left it. */
async function removeCrashedRuns(): Promise<void> {
  const names = await readdir(data).catch(() => []);
  for (const name of names) {
    const pid = /^test-(\d+)/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(data, name), { recursive: true, maxRetries: 5 });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
