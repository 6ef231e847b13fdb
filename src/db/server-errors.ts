import { SqlError } from 'mariadb';

/** Error numbers that MySQL and MariaDB share, by the servers' names for them without `ER_`. */
export const SERVER_ERRORS = {
  BAD_DB_ERROR: 1049,
  BAD_FIELD_ERROR: 1054,
  DUP_ENTRY: 1062,
  NO_SUCH_TABLE: 1146,
  KEY_DOES_NOT_EXIST: 1176,
  LOCK_WAIT_TIMEOUT: 1205,
  LOCK_DEADLOCK: 1213,
  TRUNCATED_WRONG_VALUE_FOR_FIELD: 1366,
  MAX_PREPARED_STMT_COUNT_REACHED: 1461,
  TRANSACTION_ROLLBACK_DURING_COMMIT: 3101,
} as const;

/** The server's error number, such as 1062 for a duplicate key; undefined for an error that is not the driver's. */
export function errorNumber(error: unknown): number | undefined {
  return error instanceof SqlError ? error.errno : undefined;
}
