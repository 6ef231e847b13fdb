import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliError } from '../cli-error.ts';
import { FetchError, fetchedRoot, fetchServers } from './fetch.ts';
import { findServers, searchFolders, type ServerProgram, type ServerRole } from './find.ts';
import { type FolderLock, FolderLockedError, lockFolder } from './folder-lock.ts';
import { startMysql } from './mysql.ts';
import { keepRunning } from './keep-running.ts';
import { startRedis } from './redis.ts';
import type { RunningServer } from './server.ts';

export { searchFolders } from './find.ts';

/** The demo's servers. `npm start`, `seed`, `import` and `migrate` without DATABASE_URL share them, one process at a time. */
export const demo = {
  dataDir: fileURLToPath(new URL('../../.data/demo', import.meta.url)),
  serversDir: fileURLToPath(new URL('../../.data/servers', import.meta.url)),
  databaseName: 'crm',
} as const;

export interface EmbeddedOptions {
  /** Holds data, logs and pid files; used by one process at a time. */
  readonly dataDir: string;
  /** Holds fetched programs; several `dataDir`s may share it. */
  readonly serversDir: string;
  readonly database: boolean;
  readonly redis: boolean;
  readonly databaseName: string;
  /** The data need not survive the process, so nothing is flushed to disk. Default false. */
  readonly throwAway?: boolean;
  /** Where to look for the system's programs. Default: the usual folders of servers. */
  readonly folders?: readonly string[];
  /** Gets a line for each step. */
  readonly report: (line: string) => void;
  /** Aborts a start. Once started, use `stop`. */
  readonly signal?: AbortSignal | undefined;
}

export interface EmbeddedServers {
  /** `mysql://root@127.0.0.1:PORT/NAME`; undefined unless a database was requested. */
  readonly databaseUrl: string | undefined;
  /** `redis://127.0.0.1:PORT`; undefined unless Redis was requested. */
  readonly redisUrl: string | undefined;
  /** Resolves with a sentence for the user when the database ends before `stop`; otherwise stays pending. Never rejects. */
  readonly died: Promise<string>;
  /** From now on, reports Redis restarts to this function instead of `EmbeddedOptions.report`. */
  readonly reportTo: (report: (line: string) => void) => void;
  /** Stops the servers, within 20 s each; further calls return the same promise. */
  readonly stop: () => Promise<void>;
}

/**
 * Finds a MySQL-compatible server and Redis on this machine, or fetches them, and runs them on free loopback ports as children
 * that end with this process, however it ends. Redis is started again on its port when it ends by itself.
 * @returns once both answer and the database exists (utf8mb4, no tables)
 * @throws CliError when nothing is found and nothing can be fetched, when another process uses `dataDir` (the message names
 *   it), or when a server does not start; the signal's reason when aborted
 */
export async function startEmbeddedServers(options: EmbeddedOptions): Promise<EmbeddedServers> {
  const lock = await lockData(options.dataDir);
  try {
    const folders = options.folders ?? searchFolders(undefined);
    const wanted = (['database', 'redis'] as const).filter((role) => options[role]);
    const programs = await findOrFetch(wanted, folders, options);
    const startOne = async (one: RoleProgram): Promise<NamedServer> => ({
      ...one,
      ...(await startServer(one, options)),
    });
    const servers = await allOrNone(programs.map(startOne));
    return running(servers, lock, options);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A server, and how to start it again on its port. */
type NamedServer = RunningServer & RoleProgram;
type StartOptions = EmbeddedOptions & { readonly port?: number };

function startServer({ role, program }: RoleProgram, options: StartOptions): Promise<RunningServer> {
  const { dataDir, databaseName, report, signal, throwAway = false, port } = options;
  const common = { program, dataDir, signal, ...(port === undefined ? {} : { port }) };
  return role === 'redis' ? startRedis(common) : startMysql({ ...common, databaseName, throwAway, report });
}

async function allOrNone(starts: readonly Promise<NamedServer>[]): Promise<readonly NamedServer[]> {
  const results = await Promise.allSettled(starts);
  const servers = results.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure === undefined) return servers;
  await stopAll(servers);
  throw failure.reason;
}

function running(servers: readonly NamedServer[], lock: FolderLock, options: EmbeddedOptions): EmbeddedServers {
  const serverOf = (role: ServerRole): NamedServer | undefined => servers.find((server) => server.role === role);
  const [database, redis] = [serverOf('database'), serverOf('redis')];
  lock.describe(
    servers.map((server) => `${server.role === 'redis' ? 'REDIS_URL' : 'DATABASE_URL'}=${server.url}`).join(' '),
  );
  let { report } = options;
  // Only Redis is restarted: nothing in it has to be kept, and the gateway works without it. It does not without the database.
  const kept =
    redis &&
    keepRunning(redis, {
      name: 'embedded redis server',
      start: (signal) => startServer(redis, { ...options, port: redis.port, signal }),
      report: (line) => report(line),
    });
  const stops = [kept?.stop, database?.child.stop].filter((stop) => stop !== undefined);
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= Promise.all(stops.map((stopOne) => stopOne(STOP_MS))).then(() => lock.release());
    return stopping;
  };
  const ended = async (): Promise<string> => {
    const how = await database?.child.exited;
    if (database === undefined || stopping !== undefined) return new Promise<never>(() => {});
    return `The embedded database server (process ${database.child.pid}) ${how}; its log is ${database.logFile}`;
  };
  return {
    databaseUrl: database?.url,
    redisUrl: redis?.url,
    died: ended(),
    reportTo: (another) => void (report = another),
    stop,
  };
}

const STOP_MS = 20_000;

async function stopAll(servers: readonly RunningServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.child.stop(STOP_MS)));
}

async function lockData(dataDir: string): Promise<FolderLock> {
  try {
    return await lockFolder(dataDir);
  } catch (error) {
    throw error instanceof FolderLockedError ? inUse(dataDir, error) : unusableFolder(dataDir, error);
  }
}

/**
 * Checks that no other process runs its servers in `dataDir`, so that this is reported before anything else is done.
 * @throws CliError naming the process, as `startEmbeddedServers` does
 */
export async function assertNotInUse(dataDir: string): Promise<void> {
  if (!existsSync(join(dataDir, 'lock'))) return;
  const lock = await lockData(dataDir);
  await lock.release();
}

function inUse(dataDir: string, error: FolderLockedError): CliError {
  const use = error.text === '' ? '' : `, or use its servers: ${error.text}`;
  return new CliError(`The embedded servers in ${dataDir} belong to process ${error.pid}: stop that process${use}`, {
    cause: error,
  });
}

/**
 * A container image's or system's folder is often not writable. Embedded servers are then impossible: a CliError that says so.
 */
export function unusableFolder(dataDir: string, error: unknown): unknown {
  // Not by instanceof: an error of the file system may belong to another realm than this code's `Error`, as in tests.
  const { syscall, message } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  return new CliError(
    `The embedded servers need a writable folder, and ${dataDir} is not one (${message}): set DATABASE_URL, and ` +
      'REDIS_URL or CACHE_ENABLED=false',
    { cause: error },
  );
}

interface RoleProgram {
  readonly role: ServerRole;
  readonly program: ServerProgram;
}

async function findOrFetch(
  roles: readonly ServerRole[],
  folders: readonly string[],
  options: EmbeddedOptions,
): Promise<readonly RoleProgram[]> {
  const found = new Map<ServerRole, ServerProgram>();
  const missing = async (): Promise<readonly ServerRole[]> => {
    for (const role of roles) {
      const programs = await findServers(role, folders, fetchedRoot(options.serversDir, role));
      // MySQL cannot read MariaDB's data, so a server that is installed later does not take over.
      const program = programs.find(({ kind }) => existsSync(join(options.dataDir, kind))) ?? programs[0];
      if (program !== undefined) found.set(role, program);
    }
    return roles.filter((role) => !found.has(role));
  };
  if ((await missing()).length > 0) {
    const { serversDir, report, signal } = options;
    const failure = await fetchServers(missing, { serversDir, folders, report, signal }).catch((error: unknown) => {
      if (error instanceof FetchError) return error;
      throw error;
    });
    const lacking = await missing();
    if (lacking.length > 0) throw notFound(lacking, failure);
  }
  return [...found].map(([role, program]) => ({ role, program }));
}

function notFound(roles: readonly ServerRole[], failure: FetchError | void): CliError {
  const names = { database: 'MySQL-compatible server (mysqld, mariadbd)', redis: 'Redis (redis-server)' };
  const why = failure === undefined ? 'the fetched one does not run on this machine' : failure.message;
  return new CliError(
    `Found no ${roles.map((role) => names[role]).join(' and no ')} and could not fetch one: ${why}. ` +
      'Either install them: apt install mariadb-server redis-server; ' +
      'or run everything in containers: docker compose up --wait; or set DATABASE_URL and REDIS_URL',
    failure === undefined ? {} : { cause: failure },
  );
}
