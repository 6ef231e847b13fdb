import type { EventEmitter } from 'node:events';
import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import * as mariadb from 'mariadb';
import type { Metrics } from '../telemetry/metrics.ts';
import { PrismaClient } from '../generated/prisma/client.ts';
import { guardDriver } from './driver-guard.ts';
import { toGatewayError } from './errors.ts';

/** A value that goes to the server apart from the statement's text. 64-bit ids are bigint. */
export type SqlValue = string | number | bigint | null;

/** One SELECT. `name` is for counting and stays the same whatever the values, such as `Customer.orders page`. */
export interface ReadStatement {
  readonly name: string;
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** A row in the order of the SELECT list: BIGINT and DECIMAL as strings, DATETIME as RFC 3339, the rest as they are. */
export type RawRow = readonly unknown[];

export interface Database {
  /** For writes: each in a transaction of Prisma's. */
  readonly client: PrismaClient;
  /** Sends one SELECT through Prisma's driver adapter; counted under its name. Throws TIMEOUT or SERVICE_UNAVAILABLE. */
  read(statement: ReadStatement): Promise<RawRow[]>;
  /** Resolves when the server answers; throws otherwise. */
  ping(): Promise<void>;
  /** Waits for what is under way and closes every connection. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** `mysql://` or `mariadb://`, with a database name. */
  readonly url: string;
  readonly connections: number;
  /** The server stops a statement that takes longer. */
  readonly statementMs: number;
  readonly metrics: Metrics;
}

/**
 * Connects to MySQL or MariaDB: one pool, which Prisma Client and our own reads share.
 *
 * Reads go through the driver adapter's `queryRaw` and not through Prisma Client: the same 51 rows of 5 columns cost
 * 0.27 ms of CPU instead of 0.62 (2026-11-23, 2 cores, Node 26; `npm run bench` has both), and a page of many parents
 * (UNION ALL of bounded SELECTs) has no form in Prisma's query language.
 */
export async function createDatabase(options: DatabaseOptions): Promise<Database> {
  guardDriver();
  const connection = connectionOptions(options.url);
  const pool = mariadb.createPool({
    ...connection,
    connectionLimit: options.connections,
    // The adapter leaves this at 0, which prepares every statement anew: one more round trip each.
    prepareCacheLength: 256,
    acquireTimeout: 2_000,
    connectTimeout: 2_000,
    // A connection on which nothing comes for longer than a statement may take is dead.
    socketTimeout: options.statementMs + 2_000,
    initSql: await sessionSettings(connection, options.statementMs),
    timezone: 'Z',
  });
  // Requests that wait for a connection are told by themselves; an event without a listener would end the process.
  // The driver's types do not know the event.
  (pool as unknown as EventEmitter).on('error', () => undefined);
  const factory = new PrismaMariaDb(pool, { database: connection.database });
  const adapter = await factory.connect();
  const client = new PrismaClient({ adapter: factory, log: [{ emit: 'event', level: 'query' }] });
  const writes = options.metrics.statements.labels('write');
  client.$on('query', () => writes.inc());
  const { statements, statementSeconds } = options.metrics;

  return {
    client,
    async read({ name, sql, values }) {
      const started = performance.now();
      statements.inc({ statement: name });
      try {
        const result = await adapter.queryRaw({ sql, args: [...values], argTypes: values.map(() => ANY_TYPE) });
        return result.rows;
      } catch (error) {
        throw toGatewayError(error);
      } finally {
        statementSeconds.observe((performance.now() - started) / 1_000);
      }
    },
    async ping() {
      await adapter.queryRaw({ sql: 'SELECT 1', args: [], argTypes: [] });
    },
    async close() {
      await client.$disconnect();
      await pool.end();
    },
  };
}

// The adapter converts only what is marked bigint or datetime; our values need no conversion.
const ANY_TYPE = { scalarType: 'unknown', arity: 'scalar' } as const;

/** What the driver needs of a `mysql://` or `mariadb://` URL; parameters after `?` are not taken. */
export function connectionOptions(href: string) {
  const url = new URL(href);
  return {
    host: url.hostname,
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    // caching_sha2_password without TLS asks for the server's key; needed for a MySQL with its default accounts.
    allowPublicKeyRetrieval: true,
  };
}

/** Statement time-outs have another name and unit on each server. */
async function sessionSettings(connection: ReturnType<typeof connectionOptions>, statementMs: number) {
  const probe = await mariadb.createConnection({ ...connection, connectTimeout: 2_000 }).catch((error: unknown) => {
    throw toGatewayError(error);
  });
  try {
    const isMariaDb = probe.info?.isMariaDB() ?? false;
    return [
      isMariaDb
        ? `SET SESSION max_statement_time = ${statementMs / 1_000}`
        : `SET SESSION max_execution_time = ${statementMs}`,
      "SET SESSION time_zone = '+00:00'",
    ];
  } finally {
    await probe.end();
  }
}
