import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection } from 'mariadb';
import { migrationsFolder } from '../../src/cli/migrations-folder.ts';
import { connectionOptions } from '../../src/db/database.ts';
import { applyMigrations } from '../../src/db/migrate.ts';
import { demo, startEmbeddedServers } from '../../src/embedded/index.ts';
import { keepForTeardown, type Template } from './run-servers.ts';

const data = join(import.meta.dirname, '../../.data');

/**
 * Starts throw-away servers for the whole run; the database server only if TEST_DATABASE_URL is not set. Tests reach them
 * through servers.ts.
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
  const serverUrl = given ?? servers.databaseUrl ?? '';
  const template = await createTemplate(serverUrl);
  // Half of a process's start is spent on compiling modules that an earlier process has compiled.
  process.env['NODE_COMPILE_CACHE'] = join(dataDir, 'compiled');
  const writtenDir = join(dataDir, 'written');
  await mkdir(writtenDir);
  keepForTeardown({ servers, dataDir, writtenDir, template });
  process.env['TEST_WRITTEN_DIR'] = writtenDir;
  process.env['TEST_SERVER_URL'] = serverUrl;
  process.env['TEST_TEMPLATE'] = template.name;
  process.env['TEST_REDIS_URL'] = servers.redisUrl;
}

/** A database with all migrations applied, which is copied for each test. */
async function createTemplate(serverUrl: string): Promise<Template> {
  const name = `template_${randomBytes(6).toString('hex')}`;
  const ask = async (statement: string): Promise<void> => {
    const url = Object.assign(new URL(serverUrl), { pathname: '/information_schema' });
    const connection = await createConnection({ ...connectionOptions(url.href), connectTimeout: 0 });
    await connection.query(statement);
    await connection.end();
  };
  await ask(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`);
  const databaseUrl = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  await applyMigrations({ databaseUrl, folder: migrationsFolder, report: () => {} });
  return { name, drop: () => ask(`DROP DATABASE IF EXISTS ${name}`) };
}

/** Each run has a folder named by its process id, which a crashed run leaves behind. */
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
