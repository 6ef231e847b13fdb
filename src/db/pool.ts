import type { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import * as mariadb from 'mariadb';
import { guardDriver } from './driver-guard.ts';
import { toGatewayError } from './errors.ts';
import { hostOf, tlsOptions } from '../tls.ts';

export interface PoolOptions {
  readonly connections: number;
  /** The server stops a statement that takes longer, waiting for locks included. */
  readonly statementMs: number;
  /** How many statements each connection keeps prepared. */
  readonly prepared: number;
}

/** A server that has answered. */
export interface DatabaseServer {
  /** Opens a pool, which connects in the background. */
  createPool(options: PoolOptions): ConnectionPool;
}

/** A pool of connections, and its end. */
export interface ConnectionPool {
  readonly pool: mariadb.Pool;
  /** Whether all connections are in use. */
  isFull(): boolean;
  /** Ends idle connections at once and the others when they are done, or after half a second, statement and all. */
  close(): Promise<void>;
}

// Of its own connections the driver shows less in its types than there is.
type OpenConnection = EventEmitter & { readonly socket?: Socket; destroy(): void };

/** What Prisma's driver adapter asks for with each statement. The driver knows all of them; its types do not. */
const ADAPTER_OPTIONS = {
  rowsAsArray: true,
  dateStrings: true,
  autoJsonMap: false,
  jsonStrings: true,
  bitOneIsBoolean: false,
};

const WAIT_MS = 2_000;
const CLOSE_MS = 500;

/**
 * Connects once, to find out what server that is.
 * @param url `mysql://` or `mariadb://`, with a database name
 * @param waitMs how long opening a connection may take, and a statement wait for one; and how much later than the server's
 *   own limit an answer may be before the connection counts as dead
 * @throws SERVICE_UNAVAILABLE when it does not answer
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
    // The adapter leaves this at 0, which prepares every statement anew: one more round trip each.
    prepareCacheLength: options.prepared,
    // With it, driver 3.4.5 throws where nobody can catch it when a statement cannot be prepared.
    pipelining: false,
    acquireTimeout: waitMs,
    socketTimeout: statementMs + waitMs,
    initSql: sessionSettings(options),
    timezone: 'Z',
    stream: () => {
      const socket = connect(connection.port, connection.host);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
  });
  const busy = watch(pool, statementMs + waitMs);
  return {
    pool,
    isFull: () => busy.size >= connections,
    async close() {
      // Whatever comes of it, what is still open then is destroyed.
      await within(CLOSE_MS, Promise.allSettled([pool.end()]));
      // The driver would wait ten seconds. This has the server stop what it is still doing for them.
      for (const open of busy) open.destroy();
      await within(CLOSE_MS, untilEmpty(sockets));
      // A server that hangs does neither end nor kill anything; the process must be able to go all the same.
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * Keeps the busy connections, and has the driver's `socketTimeout` run for those alone: for idle ones it would close
 * the whole pool every few seconds, which the server counts as aborted.
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
    // One that somebody was waiting for has been acquired before this event.
    if (!busy.has(connection)) connection.socket?.setTimeout(0);
  });
  return busy;
}

/** Waits for a promise, at most so long. The timer ends with it; until then it keeps the process, for sockets may not. */
async function within(timeoutMs: number, done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}

async function untilEmpty(sockets: ReadonlySet<Socket>): Promise<void> {
  await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
}

/**
 * What the driver needs of a `mysql://` or `mariadb://` URL, its parameters for TLS included.
 * @throws Error when the file of `ssl-ca` cannot be read
 */
export function connectionOptions(href: string) {
  // Here, since whoever opens a connection comes by.
  guardDriver();
  const url = new URL(href);
  const ssl = tlsOptions(url);
  return {
    host: hostOf(url),
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    // caching_sha2_password without TLS asks for the server's key; needed for a MySQL with its default accounts.
    allowPublicKeyRetrieval: true,
    ...(ssl === undefined ? {} : { ssl }),
    // With TLS the driver would go on to another server when this one says so, under that one's name.
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

/** Statement time-outs have another name and unit on each server; MySQL's is for SELECT alone. */
function sessionSettings({ isMariaDb, statementMs }: ServerOptions): string[] {
  const seconds = Math.max(1, Math.ceil(statementMs / 1_000));
  // A row that somebody else holds is given up before the statement is stopped: that much is left for another try.
  const rowLockSeconds = Math.max(1, seconds - 1);
  return [
    isMariaDb
      ? `SET SESSION max_statement_time = ${statementMs / 1_000}`
      : `SET SESSION max_execution_time = ${statementMs}`,
    `SET SESSION innodb_lock_wait_timeout = ${rowLockSeconds}, lock_wait_timeout = ${seconds}`,
    "SET SESSION time_zone = '+00:00'",
  ];
}
