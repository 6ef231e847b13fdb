import type { Pool, PoolConnection } from 'mariadb';
import { errorFacts } from './errors.ts';

/** ER_MAX_PREPARED_STMT_COUNT_REACHED: the server is at its limit of prepared statements, counted over all clients. */
const NO_ROOM = 1461;

interface Execution {
  readonly sql: string;
  readonly values: unknown;
  readonly isPrepared: boolean;
  /** Called when a statement could not be prepared. */
  readonly counted: () => void;
}

/** Runs a statement as a prepared one. Falls back to interpolating the values when the server's limit is reached. */
export async function executeIn<Result>(
  client: Pick<Pool, 'execute' | 'query'>,
  { sql, values, isPrepared, counted }: Execution,
): Promise<Result> {
  if (!isPrepared) return client.query<Result>(sql, values);
  try {
    return await client.execute<Result>(sql, values);
  } catch (error) {
    if (!isWithoutRoom(error)) throw error;
    counted();
    return client.query<Result>(sql, values);
  }
}

/** The pool for Prisma Client's transactions, with the same fallback on each connection. */
export function createWritePool(pool: Pool, options: Pick<Execution, 'isPrepared' | 'counted'>): Pool {
  const unpreparedIfNeeded = (connection: PoolConnection): PoolConnection => {
    const own = { execute: connection.execute.bind(connection), query: connection.query.bind(connection) };
    return Object.assign(connection, {
      execute: (sql: string, values: unknown) => executeIn(own, { ...options, sql, values }),
    });
  };
  return Object.assign(Object.create(pool) as Pool, {
    query: (sql: string, values: unknown) => pool.query(sql, values),
    execute: (sql: string, values: unknown) => executeIn(pool, { ...options, sql, values }),
    getConnection: async () => unpreparedIfNeeded(await pool.getConnection()),
    end: () => pool.end(),
  });
}

const isWithoutRoom = (error: unknown): boolean => error instanceof Error && [...errorFacts(error)].includes(NO_ROOM);
