import { LRUCache } from 'lru-cache';
import type { Pool, QueryOptions } from 'mariadb';
import type { Metrics } from '../telemetry/metrics.ts';
import { errorFacts, isStatementStopped } from './errors.ts';
import type { ConnectionPool } from './pool.ts';
import { executeIn } from './prepared.ts';

/** How long a text that turned out to take long is kept away from the spare connections. */
const SLOW_FOR_MS = 10_000;
const MOST_SLOW = 1_000;

export interface ReadPools {
  readonly main: ConnectionPool;
  /** Opens the spare connections, whose statements the server stops early; undefined: there are none. */
  readonly openSpare: (() => ConnectionPool) | undefined;
  readonly isPrepared: boolean;
  readonly metrics: Pick<Metrics, 'spareStatements' | 'unpreparedStatements'>;
}

type Rows = unknown[] & { meta: unknown };

/**
 * The pool as our reads see it: the driver decodes rows by itself and by the pool's own options, which are the adapter's,
 * and nothing is done to its values after that but making strings of BIGINT. The adapter would have the driver call back
 * for each value (for GEOMETRY, which no table of ours has), copy all its options for each statement, and, told the
 * columns, make a Date of each DATETIME. docs/benchmarks.md has the call with all that and without.
 *
 * While every connection is in use, a statement goes to a spare one, where it may take half a second. So statements that
 * take long, be they ever so many, hold up those alone that take long too: they wait for the pool.
 */
export function createReadPool({ main, openSpare, isPrepared, metrics }: ReadPools): Pool {
  const { pool } = main;
  const slow = new LRUCache<string, true>({ max: MOST_SLOW, ttl: SLOW_FOR_MS });
  const counted = () => metrics.unpreparedStatements.inc();
  const execute = (client: Pick<Pool, 'execute' | 'query'>, sql: string, values: unknown): Promise<Rows> =>
    executeIn<Rows>(client, { sql, values, isPrepared, counted });

  /** Undefined when the statement took longer than it may there. */
  async function onSpare({ pool: spare }: ConnectionPool, sql: string, values: unknown): Promise<Rows | undefined> {
    const connection = await spare.getConnection();
    try {
      if (slow.has(sql)) return undefined;
      const rows = await execute(connection, sql, values);
      metrics.spareStatements.inc({ outcome: 'answered' });
      return rows;
    } catch (error) {
      if (!(error instanceof Error) || ![...errorFacts(error)].some(isStatementStopped)) throw error;
      slow.set(sql, true);
      metrics.spareStatements.inc({ outcome: 'stopped' });
      return undefined;
    } finally {
      await connection.release();
    }
  }

  return Object.assign(Object.create(pool) as Pool, {
    // The server's version, when the adapter connects: the pool's own method reads private fields, which a heir has not.
    query: (options: QueryOptions) => pool.query(options),
    async execute({ sql }: QueryOptions, values: unknown) {
      const useSpare = openSpare !== undefined && main.isFull() && !slow.has(sql);
      const rows =
        (useSpare ? await onSpare(openSpare(), sql, values) : undefined) ?? (await execute(pool, sql, values));
      // What an OK says in place of rows would pass for none.
      if (!Array.isArray(rows) && /^\(?SELECT/.test(sql)) throw noRows();
      rows.meta = undefined;
      return rows;
    },
  });
}

/** CR_MALFORMED_PACKET. */
const noRows = (): Error => Object.assign(new Error('a SELECT was answered without rows'), { errno: 2027 });
