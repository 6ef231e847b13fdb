import { LRUCache } from 'lru-cache';
import type { Pool, PoolConnection, QueryOptions } from 'mariadb';
import type { Metrics } from '../telemetry/metrics.ts';
import { errorCodes, isStatementStopped } from './errors.ts';
import type { ConnectionPool } from './pool.ts';
import { executeIn } from './prepared.ts';
import { readAsOurs, type TakesRow } from './driver-rows.ts';

/** How long a statement that proved slow is kept off the spare connections. */
const SLOW_FOR_MS = 10_000;
const MAX_SLOW = 1_000;

export interface ReadPools {
  readonly main: ConnectionPool;
  /** Opens the spare connections, where the server stops statements early; undefined when there are none. */
  readonly openSpare: (() => ConnectionPool) | undefined;
  readonly metrics: Pick<Metrics, 'spareStatements' | 'unpreparedStatements'>;
}

type Rows = unknown[] & { meta: unknown };

/** Who waits for a statement. */
interface Reading {
  /** Once it has aborted, the statement is not sent any more, not even when it gets the connection that it was waiting for. */
  readonly signal: AbortSignal;
  /** Called each time the statement is sent. */
  readonly sent: () => void;
  readonly takesRow: TakesRow;
}

interface Statement extends Reading {
  readonly sql: string;
  readonly values: unknown;
}

export interface ReadPool {
  /** For Prisma's driver adapter. */
  readonly pool: Pool;
  /**
   * Calls `call`, and attributes the statement that it sends to `reading`. So `call` must call the pool's `execute` before it first
   * awaits anything. The order of calls: `Reader.read`, `during`, the adapter's `queryRaw`, the pool's `execute`, `executeIn`.
   */
  during<Result>(reading: Reading, call: () => Result): Result;
}

/**
 * The pool for our reads. The driver decodes rows by itself, with the pool's options, which are the adapter's; the only further
 * conversion is BIGINT to string. The adapter would have the driver call back for each value (for GEOMETRY, which none of our
 * tables has), copy all its options for each statement, and, if it knew the columns, turn each DATETIME into a Date.
 * docs/benchmarks.md compares the two.
 */
export function createReadPool(pools: ReadPools): ReadPool {
  const { pool } = pools.main;
  const send = createSend(pools);
  /** The adapter passes on statements and values only, so this is set while it is called. */
  let current: Reading | undefined;
  const readPool = Object.assign(Object.create(pool) as Pool, {
    // Used by the adapter to read the server's version. The inherited method needs private fields that only `pool` itself has.
    query: (options: QueryOptions) => pool.query(options),
    async execute({ sql }: QueryOptions, values: readonly unknown[]) {
      if (current === undefined) throw new TypeError(`Expected to be told who waits for a statement, got ${sql}`);
      readAsOurs(values, current.takesRow);
      const rows = await send({ ...current, sql, values });
      // An OK packet in place of rows would otherwise pass for an empty result.
      if (!Array.isArray(rows) && /^\(?SELECT/.test(sql)) throw noRows();
      rows.meta = undefined;
      return rows;
    },
  });
  return {
    pool: readPool,
    during(reading, call) {
      current = reading;
      try {
        return call();
      } finally {
        current = undefined;
      }
    },
  };
}

/**
 * While every connection is in use, a statement goes to a spare one, where it may take half a second. So any number of slow
 * statements delays only other slow ones, which wait for the main pool.
 */
function createSend({ main, openSpare, metrics }: ReadPools): (statement: Statement) => Promise<Rows> {
  const slow = new LRUCache<string, true>({ max: MAX_SLOW, ttl: SLOW_FOR_MS });
  const counted = () => metrics.unpreparedStatements.inc();
  const sendOn = (client: PoolConnection, { sql, values, sent }: Statement): Promise<Rows> => {
    sent();
    return executeIn<Rows>(client, { sql, values, counted });
  };

  /** Undefined when the statement exceeded the spare connections' time limit. */
  async function sendOnSpare(spare: ConnectionPool, statement: Statement): Promise<Rows | undefined> {
    return onConnection(spare.pool, statement, async (connection) => {
      if (slow.has(statement.sql)) return undefined;
      try {
        const rows = await sendOn(connection, statement);
        metrics.spareStatements.inc({ outcome: 'answered' });
        return rows;
      } catch (error) {
        if (!Error.isError(error) || ![...errorCodes(error)].some(isStatementStopped)) throw error;
        slow.set(statement.sql, true);
        metrics.spareStatements.inc({ outcome: 'stopped' });
        return undefined;
      }
    });
  }

  return async (statement) => {
    if (openSpare !== undefined && main.isFull() && !slow.has(statement.sql)) {
      const rows = await sendOnSpare(openSpare(), statement);
      if (rows !== undefined) return rows;
    }
    return onConnection(main.pool, statement, (connection) => sendOn(connection, statement));
  };
}

/** Waits for a connection; rejects with the signal's reason if it has aborted by then. */
async function onConnection<Result>(
  pool: Pool,
  { signal }: Reading,
  use: (connection: PoolConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await pool.getConnection();
  try {
    signal.throwIfAborted();
    return await use(connection);
  } finally {
    await connection.release();
  }
}

/** CR_MALFORMED_PACKET. */
const noRows = (): Error => Object.assign(new Error('a SELECT was answered without rows'), { errno: 2027 });
