import type { Pool, PoolConnection } from 'mariadb';
import { errorCodes } from './errors.ts';
import { SERVER_ERRORS } from './server-errors.ts';

/** The server is at its limit of prepared statements, counted over all clients. */
const NO_ROOM = SERVER_ERRORS.MAX_PREPARED_STMT_COUNT_REACHED;

/** Members of the driver's connections that its types leave out. Both `execute` of a pool and of a connection call the first. */
export interface DriverConnection {
  prepareExecute?: (...given: never[]) => unknown;
  readonly query: (...given: never[]) => unknown;
  isValid(): boolean;
}

/** How many statements each connection may keep prepared, of the number that all of them together may. */
export interface PreparedShares {
  /** How many statements a connection with a share keeps. */
  readonly perConnection: number;
  /** Gives an open connection a share; if none is left, it runs its statements unprepared. */
  limit(connection: DriverConnection): void;
}

/**
 * Divides statements among connections: equally, or one for each connection as long as they last.
 * @param statements the most that may be prepared at any time
 * @param connections the most that may be open
 */
export function createPreparedShares(statements: number, connections: number): PreparedShares {
  // The driver prepares a statement before it closes the one that has to make room, so a connection needs room for one more.
  const perConnection = Math.max(1, Math.floor(statements / connections) - 1);
  const shares = Math.floor(statements / (perConnection + 1));
  const holders = new Set<DriverConnection>();
  const known = new WeakSet<DriverConnection>();
  return {
    perConnection,
    limit(connection) {
      if (known.has(connection)) return;
      known.add(connection);
      // Not by an event: the driver emits none for some of the ways in which a connection ends.
      for (const holder of holders) if (!holder.isValid()) holders.delete(holder);
      if (holders.size < shares) holders.add(connection);
      else connection.prepareExecute = connection.query;
    },
  };
}

interface Execution {
  readonly sql: string;
  readonly values: unknown;
  /** Called when a statement could not be prepared. */
  readonly counted: () => void;
}

/** Runs a statement as a prepared one. Falls back to interpolating the values when the server's limit is reached. */
export async function executeIn<Result>(
  client: Pick<Pool, 'execute' | 'query'>,
  { sql, values, counted }: Execution,
): Promise<Result> {
  try {
    return await client.execute<Result>(sql, values);
  } catch (error) {
    if (!isWithoutRoom(error)) throw error;
    counted();
    return client.query<Result>(sql, values);
  }
}

/**
 * The pool for Prisma Client's transactions, with the same fallback on each connection.
 * @param on.statement called before each statement of a transaction, which is not sent if it throws
 */
export function createWritePool(pool: Pool, on: { statement(): void; unprepared: Execution['counted'] }): Pool {
  const counted = on.unprepared;
  const unpreparedIfNeeded = (connection: PoolConnection): PoolConnection => {
    const own = { execute: connection.execute.bind(connection), query: connection.query.bind(connection) };
    return Object.assign(connection, {
      async execute(sql: string, values: unknown) {
        on.statement();
        return executeIn(own, { sql, values, counted });
      },
    });
  };
  return Object.assign(Object.create(pool) as Pool, {
    query: (sql: string, values: unknown) => pool.query(sql, values),
    execute: (sql: string, values: unknown) => executeIn(pool, { sql, values, counted }),
    getConnection: async () => unpreparedIfNeeded(await pool.getConnection()),
    end: () => pool.end(),
  });
}

const isWithoutRoom = (error: unknown): boolean => Error.isError(error) && [...errorCodes(error)].includes(NO_ROOM);
