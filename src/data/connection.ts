import * as mariadb from 'mariadb';
import { CliError, EXIT } from '../cli-error.ts';
import { retryingConflicts } from '../db/conflicts.ts';
import { connectionOptions, SET_SQL_MODE } from '../db/database.ts';
import { serverWords } from '../db/errors.ts';
import { errorNumber, SERVER_ERRORS } from '../db/server-errors.ts';

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
        SET_SQL_MODE,
      ],
    });
    // A connection that is lost between statements is reported by the next one.
    connection.on('error', () => undefined);
    return connection;
  } catch (error) {
    const { database, host, port } = connectionOptions(databaseUrl);
    const message =
      errorNumber(error) === SERVER_ERRORS.BAD_DB_ERROR
        ? `There is no database ${database} on ${host}:${port}. Create it with npm run migrate, or name another in DATABASE_URL`
        : `The database cannot be reached: ${serverWords(error)}`;
    throw new CliError(message, { cause: error, exitCode: EXIT.unavailable });
  }
}

/**
 * Runs `work` in a transaction. After a conflict with others' locks, it is rolled back and retried after a random pause, up to
 * five attempts in all, so `work` must have no side effects that it cannot repeat.
 */
export const inTransaction = <T>(connection: mariadb.Connection, work: () => Promise<T>): Promise<T> =>
  retryingConflicts(async () => {
    await connection.beginTransaction();
    try {
      const result = await work();
      await connection.commit();
      return result;
    } catch (error) {
      if (connection.isValid()) await connection.rollback();
      throw error;
    }
  });
