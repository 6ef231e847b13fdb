import type { Pool, PoolConnection } from 'mariadb';
import { errorFacts } from './errors.ts';

/** ER_MAX_PREPARED_STMT_COUNT_REACHED: the server holds as many prepared statements, of all its clients, as it may. */
const NO_ROOM = 1461;

interface Execution {
  readonly sql: string;
  readonly values: unknown;
  /** Whether statements are prepared at all. */
  readonly isPrepared: boolean;
  /** Called when a statement was to be prepared and could not be. */
  readonly counted: () => void;
}

/** Runs a statement prepared; unprepared, with the values written into its text, when the server has no room for it. */
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

/** The pool as Prisma Client's transactions see it: each connection of it does the same. */
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
