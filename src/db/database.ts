import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import type { Metrics } from '../telemetry/metrics.ts';
import { PrismaClient } from '../generated/prisma/client.ts';
import { isPoolFull, toGatewayError } from './errors.ts';
import { connectionOptions, openServer, type ConnectionPool, type DatabaseServer } from './pool.ts';
import { createPreparedShares, createWritePool } from './prepared.ts';
import { createReadPool, type ReadPool } from './reads.ts';
import type { TakesRow } from './driver-rows.ts';
import { assertAwaited } from './transaction.ts';
import { createWriteQueue, type WriteQueue } from './write-queue.ts';

export { connectionOptions, SET_SQL_MODE } from './pool.ts';

/** A parameter of a statement. 64-bit ids are bigint. */
export type SqlValue = string | number | bigint | null;

/** One SELECT. `name` labels metrics and does not depend on the values: `Customer.orders page`, for example. */
export interface ReadStatement {
  readonly name: string;
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/**
 * A row in the order of the SELECT list. BIGINT and DECIMAL are strings, DATETIME is text in UTC: `2026-11-23T09:30:00.000Z`, or, where a
 * statement could not be prepared, as MySQL writes it.
 */
export type RawRow = readonly unknown[];

/** Reads on behalf of somebody who may stop waiting. */
export interface Reader {
  /**
   * Runs one SELECT through Prisma's driver adapter and counts it under its name.
   * @throws TIMEOUT, SERVICE_UNAVAILABLE, or the reason of the reader's signal
   */
  readonly read: (statement: ReadStatement) => Promise<RawRow[]>;
}

export interface Database {
  /** For writes, each in a Prisma transaction. */
  readonly client: PrismaClient;
  /**
   * Creates a reader.
   * @param signal once it has aborted, nothing is sent any more; a statement that is running goes on to its end or its time limit
   * @param takesRow default: takes all rows. Those that it drops are empty in the result, which must not be used then.
   */
  reader(signal: AbortSignal, takesRow?: TakesRow): Reader;
  /** Limits transactions to half of the connections, so that those waiting for row locks leave some for reads. */
  readonly writes: WriteQueue;
  /** How many reads are waiting for a connection, and how many transactions for their turn in `writes`. */
  waiting(): { readonly reads: number; readonly writes: number };
  /** Resolves when the server answers, over a connection reserved for that; throws otherwise. */
  ping(): Promise<void>;
  /** Waits for running statements and closes every connection. */
  close(): Promise<void>;
}

/** In milliseconds. */
export interface DatabaseTimes {
  /** The server stops a statement that takes longer, including time spent waiting for locks. */
  readonly statementMs: number;
  /** How long to wait for a free connection, and how long past `statementMs` for a response. Default: two seconds. */
  readonly waitMs?: number;
}

export interface DatabaseOptions extends DatabaseTimes {
  /** `mysql://` or `mariadb://`, with a database name. */
  readonly url: string;
  readonly connections: number;
  /** Extra connections for short statements while all others are in use, opened on first need. Default: 0. */
  readonly spareConnections?: number;
  /** The most statements that all connections together have prepared; 0 prepares none. Default: 256 per connection. */
  readonly preparedStatements?: number;
  readonly metrics: Metrics;
}

/** How long a statement on a spare connection may take. */
const SPARE_STATEMENT_MS = 500;
/** If more writes than this are waiting, something is wrong. */
const WRITES_WAITING = 500;
const WRITES_FULL =
  'Too many writes are waiting, probably for rows that another client has locked, and the other connections are reserved for reads; try again.';

/**
 * Connects to MySQL or MariaDB with one pool shared by Prisma Client and our own reads, plus spare connections for short
 * statements while that pool is full, and one connection for `ping`.
 *
 * Reads go through the driver adapter's `queryRaw` rather than Prisma Client: they use a fraction of the CPU
 * (docs/benchmarks.md compares both), and Prisma's query language cannot express a page for many parents (UNION ALL of bounded
 * SELECTs).
 */
export async function createDatabase(options: DatabaseOptions): Promise<Database> {
  const { metrics } = options;
  const server = await openServer(options.url, options.waitMs);
  const pools = createPools(server, options);
  const { database } = connectionOptions(options.url);
  const reads = createReadPool({ ...pools, metrics });
  const adapter = await new PrismaMariaDb(reads.pool, { database }).connect();
  const on = { statement: assertAwaited, unprepared: () => metrics.unpreparedStatements.inc() };
  const client = new PrismaClient({
    adapter: new PrismaMariaDb(createWritePool(pools.main.pool, on), { database }),
    log: [{ emit: 'event', level: 'query' }],
  });
  const writeCounter = metrics.statements.labels('write');
  client.$on('query', () => writeCounter.inc());
  const writes = createWriteQueue({
    atOnce: Math.max(1, Math.floor(options.connections / 2)),
    maxWaiting: WRITES_WAITING,
    full: WRITES_FULL,
    refused: () => metrics.databaseFull.inc({ what: 'write' }),
  });
  return {
    client,
    reader: createReaders({ adapter, reads, metrics }),
    writes,
    waiting: () => ({ reads: pools.main.pool.taskQueueSize(), writes: writes.waiting() }),
    async ping() {
      await pools.openHealth().pool.query('SELECT 1');
    },
    async close() {
      await client.$disconnect();
      await pools.close();
    },
  };
}

const takesAll: TakesRow = () => true;

interface ReadersOptions {
  readonly adapter: Pick<Awaited<ReturnType<PrismaMariaDb['connect']>>, 'queryRaw'>;
  readonly reads: ReadPool;
  readonly metrics: Metrics;
}

function createReaders({ adapter, reads, metrics }: ReadersOptions): Database['reader'] {
  const { statements, statementSeconds, databaseFull } = metrics;
  // Cached by name, of which there are a few dozen: looking up a label's counter costs more than incrementing it.
  const counters = new Map<string, { inc(): void }>();
  const counterOf = (name: string) => {
    const counter = counters.get(name) ?? statements.labels(name);
    counters.set(name, counter);
    return counter;
  };
  return (signal, takesRow = takesAll) => ({
    read: async ({ name, sql, values }) => {
      signal.throwIfAborted();
      const counter = counterOf(name);
      let sentAt: number | undefined;
      const sent = () => {
        counter.inc();
        sentAt = performance.now();
      };
      const query = { sql, args: [...values], argTypes: values.map(() => ANY_TYPE) };
      try {
        const result = await reads.during({ signal, sent, takesRow }, () => adapter.queryRaw(query));
        return result.rows;
      } catch (error) {
        signal.throwIfAborted();
        if (isPoolFull(error)) databaseFull.inc({ what: 'read' });
        throw toGatewayError(error);
      } finally {
        if (sentAt !== undefined) statementSeconds.observe((performance.now() - sentAt) / 1_000);
      }
    },
  });
}

// The adapter converts only arguments marked bigint or datetime, and ours need no conversion.
const ANY_TYPE = { scalarType: 'unknown', arity: 'scalar' } as const;

function createPools(server: DatabaseServer, options: DatabaseOptions) {
  const { connections, statementMs, spareConnections = 0 } = options;
  const all = connections + spareConnections;
  const prepared = createPreparedShares(options.preparedStatements ?? all * 256, all);
  const opened: ConnectionPool[] = [];
  const open = (size: number, limitMs: number): ConnectionPool => {
    const pool = server.createPool({ connections: size, statementMs: limitMs, prepared });
    opened.push(pool);
    return pool;
  };
  const main = open(connections, statementMs);
  let spare: ConnectionPool | undefined;
  let health: ConnectionPool | undefined;
  const openSpare = () => (spare ??= open(spareConnections, Math.min(statementMs, SPARE_STATEMENT_MS)));
  return {
    main,
    openSpare: spareConnections === 0 ? undefined : openSpare,
    openHealth: () => (health ??= open(1, statementMs)),
    async close() {
      await Promise.all(opened.map((pool) => pool.close()));
    },
  };
}
