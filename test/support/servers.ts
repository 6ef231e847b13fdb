import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mariadb';
import { migrationsFolder } from '../../src/cli/migrations-folder.ts';
import { connectionOptions } from '../../src/db/database.ts';
import { applyMigrations } from '../../src/db/migrate.ts';
import { fetchedRoot } from '../../src/embedded/fetch.ts';
import { findServers, searchFolders, type ServerRole } from '../../src/embedded/find.ts';
import { demo } from '../../src/embedded/index.ts';
import { startMysql } from '../../src/embedded/mysql.ts';
import { startRedis } from '../../src/embedded/redis.ts';
import { isPortTaken, type RunningServer } from '../../src/embedded/server.ts';
import { PATIENCE_MS, until } from './patience.ts';
import { keepLogs } from './server-logs.ts';
import { ownTest } from './written.ts';

export interface TestDatabase {
  readonly url: string;
  readonly drop: () => Promise<void>;
}

/** The Redis that all tests share, so use a key prefix. */
export function redisUrl(): string {
  return fromSetup('TEST_REDIS_URL');
}

/**
 * Creates a database on the server that all tests share, with all migrations applied: a copy of the global setup's template,
 * which takes a fraction of the time.
 * @param name default: a unique one
 */
export async function createDatabase(name = randomName()): Promise<TestDatabase> {
  const database = await createEmptyDatabase(name);
  const template = fromSetup('TEST_TEMPLATE');
  await withConnection(database.url, async (connection) => {
    const tables = await connection.query<{ name: string }[]>(
      'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ?',
      [template],
    );
    for (const { name: table } of tables) await connection.query(`CREATE TABLE ${table} LIKE ${template}.${table}`);
    await connection.query(`INSERT INTO _prisma_migrations SELECT * FROM ${template}._prisma_migrations`);
  });
  return database;
}

/** The same without tables. */
export async function createEmptyDatabase(name = randomName()): Promise<TestDatabase> {
  const url = Object.assign(new URL(fromSetup('TEST_SERVER_URL')), { pathname: `/${name}` }).href;
  await onServer(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`);
  return { url, drop: () => onServer(`DROP DATABASE IF EXISTS \`${name}\``) };
}

/** Opens a connection, however long it takes: the driver's default of a second is too short on a busy machine. */
export function openConnection(url: string): Promise<Connection> {
  return createConnection({ ...connectionOptions(url), connectTimeout: 0 });
}

/** Opens a connection for `work`, and closes it whatever happens. */
export async function withConnection<T>(url: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await openConnection(url);
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

/**
 * The table of a server's connections. MySQL's in information_schema fails while any connection runs a statement with four-byte
 * characters; MariaDB has no other.
 */
export const processlist = (connection: Connection): string =>
  connection.info?.isMariaDB() === true ? 'information_schema.processlist' : 'performance_schema.processlist';

/** A server for one test file, which may break it. Its URL stays the same across `kill` and `start`. */
export interface OwnServer {
  readonly url: string;
  /** SIGSTOP: connections stay open and nothing answers. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** SIGKILL; resolves when the process is gone: connections are reset, new ones refused. */
  readonly kill: () => Promise<void>;
  /** SIGTERM; resolves when the process is gone. */
  readonly stop: () => Promise<void>;
  /** After `kill` or `stop`; resolves when it answers. A database still has its rows, a Redis is empty. */
  readonly start: () => Promise<void>;
}

export interface OwnServers {
  readonly database: OwnServer;
  readonly redis: OwnServer;
  /** Stops both and removes their data. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a database server (migrated) and a Redis for one test file, in about a second. Both are embedded ones, whatever
 * TEST_DATABASE_URL says.
 * @param options.isDurable whether the database keeps what was committed when killed; otherwise it may lose its last second
 * @param options.args additional arguments for each server
 */
export async function startOwnServers({
  isDurable = false,
  args = { database: [], redis: [] },
}: {
  isDurable?: boolean;
  args?: Readonly<Record<ServerRole, readonly string[]>>;
} = {}): Promise<OwnServers> {
  const dataDir = join(demo.dataDir, '..', `test-${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(dataDir, { recursive: true });
  const [database, redis] = await Promise.all([
    startOwn('database', { dataDir, isDurable, args: args.database }),
    startOwn('redis', { dataDir, isDurable, args: args.redis }),
  ]);
  await applyMigrations({ databaseUrl: database.url, folder: migrationsFolder, report: () => {} });
  const close = async (): Promise<void> => {
    await Promise.all([database.stop(), redis.stop()]);
    await keepLogs(dataDir, ownTest());
    await rm(dataDir, { recursive: true });
  };
  return { database, redis, close };
}

async function startOwn(
  role: ServerRole,
  { dataDir, isDurable, args }: { dataDir: string; isDurable: boolean; args: readonly string[] },
): Promise<OwnServer> {
  const folders = searchFolders(process.env['PATH']);
  const [program] = await findServers(role, folders, fetchedRoot(demo.serversDir, role));
  if (program === undefined) throw new Error(`no ${role} server: "npm test" finds or fetches one`);
  const startOn = (port?: number): Promise<RunningServer> => {
    // Without it, MySQL does not tell what its connections do (`processlist`).
    const instrumented = program.kind === 'mysql' ? ['--performance-schema=1'] : [];
    const options = {
      program,
      dataDir,
      signal: undefined,
      args: [...instrumented, ...args],
      ...(port === undefined ? {} : { port }),
    };
    return role === 'redis'
      ? startRedis(options)
      : startMysql({ ...options, databaseName: 'crm', throwAway: !isDurable, report: () => {} });
  };
  let server = await startOn();
  const { port } = server;
  const kill = async (): Promise<void> => {
    server.child.signal('SIGKILL');
    await server.child.exited;
  };
  const start = async (): Promise<void> => {
    // While it was down, another process may have taken its port, even if only for a connection.
    const started = await until('the port of the server to be free again', () =>
      startOn(port).catch((error: unknown) => {
        if (isPortTaken(error)) return undefined;
        throw error;
      }),
    );
    if (started !== undefined) server = started;
  };
  return {
    url: server.url,
    pause: () => server.child.signal('SIGSTOP'),
    resume: () => server.child.signal('SIGCONT'),
    kill,
    // If it is killed instead of stopped, it may lose rows.
    stop: () => server.child.stop(PATIENCE_MS),
    start,
  };
}

async function onServer(statement: string): Promise<void> {
  await withConnection(serverUrl(), (connection) => connection.query(statement));
}

/** With a database that every server has, because our URLs must name one. */
function serverUrl(): string {
  return Object.assign(new URL(fromSetup('TEST_SERVER_URL')), { pathname: '/information_schema' }).href;
}

function fromSetup(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(`${name} is not set: run the tests with "npm test", which starts the servers`);
  return value;
}

function randomName(): string {
  return `test_${randomBytes(6).toString('hex')}`;
}
