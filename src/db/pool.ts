import type { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import * as mariadb from 'mariadb';
import { guardDriver } from './driver-guard.ts';
import { toGatewayError } from './errors.ts';
import type { DriverConnection, PreparedShares } from './prepared.ts';
import { within } from '../time-limit.ts';
import { hostOf, tlsOptions } from '../tls.ts';

export interface PoolOptions {
  readonly connections: number;
  /** The server stops a statement that takes longer, including time spent waiting for locks. */
  readonly statementMs: number;
  readonly prepared: PreparedShares;
}

/** A server that has answered once. */
export interface DatabaseServer {
  /** Opens a pool, which connects in the background. */
  createPool(options: PoolOptions): ConnectionPool;
}

export interface ConnectionPool {
  readonly pool: mariadb.Pool;
  /** Whether all connections are in use. */
  isFull(): boolean;
  /** Closes idle connections at once, and the others when they are done or after half a second, killing their statements. */
  close(): Promise<void>;
}

// The driver's types leave out some of what its connections have.
type OpenConnection = EventEmitter & DriverConnection & { readonly socket?: Socket; destroy(): void };

/** The options that Prisma's driver adapter passes with each statement. The driver supports all of them; its types do not. */
const ADAPTER_OPTIONS = {
  rowsAsArray: true,
  dateStrings: true,
  autoJsonMap: false,
  jsonStrings: true,
  bitOneIsBoolean: false,
};

const WAIT_MS = 2_000;
const CLOSE_MS = 500;

/** Values that do not fit are refused, whatever the server's own mode is: a lax one would cut them off. */
export const SET_SQL_MODE =
  "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'";

/**
 * Connects once, to find out which server it is.
 * @param url `mysql://` or `mariadb://`, with a database name
 * @param waitMs limits opening a connection and waiting for one, and is how far past the server's own time limit an answer may
 *   come before the connection counts as dead
 * @throws SERVICE_UNAVAILABLE when the server does not answer
 */
export async function openServer(url: string, waitMs = WAIT_MS): Promise<DatabaseServer> {
  const connection = { ...connectionOptions(url), connectTimeout: waitMs };
  const isMariaDb = await probe(connection);
  return { createPool: (options) => createConnectionPool({ ...options, connection, isMariaDb }) };
}

interface ServerOptions extends PoolOptions {
  readonly connection: ReturnType<typeof connectionOptions> & { readonly connectTimeout: number };
  readonly isMariaDb: boolean;
}

function createConnectionPool(options: ServerOptions): ConnectionPool {
  const { connection, connections, statementMs } = options;
  const waitMs = connection.connectTimeout;
  const sockets = new Set<Socket>();
  const pool = mariadb.createPool({
    ...connection,
    ...ADAPTER_OPTIONS,
    connectionLimit: connections,
    // The adapter's default of 0 would prepare every statement anew: one more round trip each.
    prepareCacheLength: options.prepared.perConnection,
    // With pipelining, driver 3.4.5 throws where nobody can catch it when a statement cannot be prepared.
    pipelining: false,
    acquireTimeout: waitMs,
    socketTimeout: statementMs + waitMs,
    initSql: sessionSettings(options),
    timezone: 'Z',
    stream: () => {
      const socket = connect(connection.port, connection.host);
      // Not on their `close`: of a connection that broke, the driver removes all listeners.
      for (const open of sockets) if (open.destroyed) sockets.delete(open);
      sockets.add(socket);
      return socket;
    },
  });
  const busy = watch(pool, statementMs + waitMs);
  pool.on('acquire', (open: OpenConnection) => options.prepared.limit(open));
  return {
    pool,
    isFull: () => busy.size >= connections,
    async close() {
      // Errors do not matter here: whatever is left open is destroyed below.
      await briefly(pool.end());
      // The driver itself would wait ten seconds. `destroy` also has the server kill the running statement.
      for (const open of busy) open.destroy();
      await briefly(untilClosed(sockets));
      // A server that hangs neither closes nor kills anything, and must not keep the process alive.
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * Tracks the busy connections, and limits the driver's `socketTimeout` to them: on idle ones it would close the whole pool
 * every few seconds, which the server counts as aborted connections.
 */
function watch(pool: mariadb.Pool, silenceMs: number): ReadonlySet<OpenConnection> {
  const busy = new Set<OpenConnection>();
  pool.on('acquire', (connection: OpenConnection) => {
    busy.add(connection);
    connection.socket?.setTimeout(silenceMs);
  });
  pool.on('release', (connection: OpenConnection) => {
    busy.delete(connection);
    connection.socket?.setTimeout(0);
  });
  pool.on('connection', (connection: OpenConnection) => {
    connection.once('end', () => busy.delete(connection));
    // A connection that was opened for a waiting request has already been acquired.
    if (!busy.has(connection)) connection.socket?.setTimeout(0);
  });
  return busy;
}

/** Waits up to half a second. Until then the timer keeps the process alive, which the sockets may not. */
async function briefly(done: Promise<unknown>): Promise<void> {
  await Promise.allSettled([within({ ms: CLOSE_MS, timeoutError: () => new Error('still open') }, () => done)]);
}

async function untilClosed(sockets: ReadonlySet<Socket>): Promise<void> {
  const open = [...sockets].filter((socket) => !socket.destroyed);
  await Promise.all(open.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
}

/**
 * The driver's options for a `mysql://` or `mariadb://` URL, including its TLS parameters.
 * @throws Error when the `ssl-ca` file cannot be read
 */
export function connectionOptions(href: string) {
  // Done here because everything that opens a connection calls this first.
  guardDriver();
  const url = new URL(href);
  const ssl = tlsOptions(url);
  return {
    host: hostOf(url),
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    // Without TLS, caching_sha2_password encrypts the password with the server's public key. MySQL's default accounts need it.
    allowPublicKeyRetrieval: true,
    ...(ssl === undefined ? {} : { ssl }),
    // Over TLS the driver would otherwise follow a redirect from the server, under the other host's name.
    permitRedirect: false,
  };
}

/** Whether the server is MariaDB. */
async function probe(connection: ReturnType<typeof connectionOptions>): Promise<boolean> {
  const first = await mariadb.createConnection(connection).catch((error: unknown) => {
    throw toGatewayError(error);
  });
  const isMariaDb = first.info?.isMariaDB() ?? false;
  await first.end();
  return isMariaDb;
}

/** The servers name statement timeouts differently and use different units. MySQL's applies only to SELECT. */
function sessionSettings({ isMariaDb, statementMs }: ServerOptions): string[] {
  const seconds = Math.max(1, Math.ceil(statementMs / 1_000));
  // Gives up waiting for a locked row before the statement is stopped, which leaves time for a retry.
  const rowLockSeconds = Math.max(1, seconds - 1);
  return [
    isMariaDb
      ? `SET SESSION max_statement_time = ${statementMs / 1_000}`
      : `SET SESSION max_execution_time = ${statementMs}`,
    `SET SESSION innodb_lock_wait_timeout = ${rowLockSeconds}, lock_wait_timeout = ${seconds}`,
    "SET SESSION time_zone = '+00:00'",
    SET_SQL_MODE,
    // For each transaction by itself, it would be a statement more.
    'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  ];
}
