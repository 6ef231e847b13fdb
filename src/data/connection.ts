import * as mariadb from 'mariadb';
import { CliError } from '../cli-error.ts';
import { connectionOptions } from '../db/database.ts';
import { serverWords } from '../db/errors.ts';

const UNAVAILABLE_EXIT_CODE = 69;
// ER_BAD_DB_ERROR
const NO_SUCH_DATABASE = 1049;
const TRANSACTION_TRIES = 5;
// ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK, which is also how clusters report a failed certification.
const TRANSIENT_NUMBERS = new Set([1205, 1213]);

/**
 * Opens a connection for bulk work: UTC, strict SQL mode, DATETIME and DECIMAL as text, BIGINT as bigint.
 * @throws CliError (exit code 69, EX_UNAVAILABLE) when the server cannot be reached or refuses the connection
 */
export async function openConnection(databaseUrl: string): Promise<mariadb.Connection> {
  try {
    const connection = await mariadb.createConnection({
      ...connectionOptions(databaseUrl),
      connectTimeout: 10_000,
      dateStrings: true,
      timezone: 'Z',
      initSql: [
        "SET SESSION time_zone = '+00:00'",
        // After waiting for a lock, a statement must see what its last holder wrote.
        'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
        "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
      ],
    });
    // A connection that is lost between statements is reported by the next one.
    connection.on('error', () => undefined);
    return connection;
  } catch (error) {
    const { database, host, port } = connectionOptions(databaseUrl);
    const message =
      errorNumber(error) === NO_SUCH_DATABASE
        ? `There is no database ${database} on ${host}:${port}. Create it with npm run migrate, or name another in DATABASE_URL`
        : `The database cannot be reached: ${serverWords(error)}`;
    throw new CliError(message, { cause: error, exitCode: UNAVAILABLE_EXIT_CODE });
  }
}

/**
 * Runs `work` in a transaction. After a deadlock or lock wait timeout it is rolled back and retried, up to five attempts in
 * all, so `work` must have no side effects that it cannot repeat.
 */
export async function inTransaction<T>(connection: mariadb.Connection, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    await connection.beginTransaction();
    try {
      const result = await work();
      await connection.commit();
      return result;
    } catch (error) {
      if (connection.isValid()) await connection.rollback();
      if (!isTransient(error) || attempt === TRANSACTION_TRIES) throw error;
    }
  }
}

function isTransient(error: unknown): boolean {
  return TRANSIENT_NUMBERS.has(errorNumber(error) ?? 0);
}

/** The server's error number (1062 for a duplicate key); undefined for any other error. */
export function errorNumber(error: unknown): number | undefined {
  return error instanceof mariadb.SqlError ? error.errno : undefined;
}
