import { LRUCache } from 'lru-cache';
import type { Pool, QueryOptions } from 'mariadb';
import type { Metrics } from '../telemetry/metrics.ts';
import { errorFacts, isStatementStopped } from './errors.ts';
import type { ConnectionPool } from './pool.ts';
import { executeIn } from './prepared.ts';

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

/**
 * The pool for our reads. The driver decodes rows by itself, with the pool's options, which are the adapter's; the only further
 * conversion is BIGINT to string. The adapter would have the driver call back for each value (for GEOMETRY, which none of our
 * tables has), copy all its options for each statement, and, if it knew the columns, turn each DATETIME into a Date.
 * docs/benchmarks.md compares the two.
 *
 * While every connection is in use, a statement goes to a spare one, where it may take half a second. So any number of slow
 * statements delays only other slow ones, which wait for the main pool.
 */
export function createReadPool({ main, openSpare, metrics }: ReadPools): Pool {
  const { pool } = main;
  const slow = new LRUCache<string, true>({ max: MAX_SLOW, ttl: SLOW_FOR_MS });
  const counted = () => metrics.unpreparedStatements.inc();
  const execute = (client: Pick<Pool, 'execute' | 'query'>, sql: string, values: unknown): Promise<Rows> =>
    executeIn<Rows>(client, { sql, values, counted });

  /** Undefined when the statement exceeded the spare connections' time limit. */
  async function onSpare({ pool: spare }: ConnectionPool, sql: string, values: unknown): Promise<Rows | undefined> {
    const connection = await spare.getConnection();
    try {
      if (slow.has(sql)) return undefined;
      const rows = await execute(connection, sql, values);
      metrics.spareStatements.inc({ outcome: 'answered' });
      return rows;
    } catch (error) {
      if (!Error.isError(error) || ![...errorFacts(error)].some(isStatementStopped)) throw error;
      slow.set(sql, true);
      metrics.spareStatements.inc({ outcome: 'stopped' });
      return undefined;
    } finally {
      await connection.release();
    }
  }

  return Object.assign(Object.create(pool) as Pool, {
    // Used by the adapter to read the server's version. The inherited method needs private fields that only `pool` itself has.
    query: (options: QueryOptions) => pool.query(options),
    async execute({ sql }: QueryOptions, values: unknown) {
      const useSpare = openSpare !== undefined && main.isFull() && !slow.has(sql);
      const rows =
        (useSpare ? await onSpare(openSpare(), sql, values) : undefined) ?? (await execute(pool, sql, values));
      // An OK packet in place of rows would otherwise pass for an empty result.
      if (!Array.isArray(rows) && /^\(?SELECT/.test(sql)) throw noRows();
      rows.meta = undefined;
      return rows;
    },
  });
}

/** CR_MALFORMED_PACKET. */
const noRows = (): Error => Object.assign(new Error('a SELECT was answered without rows'), { errno: 2027 });
