import { createConnection } from 'mariadb';
import { connectionOptions } from '../../src/db/database.ts';

/** Counts the rows that a server reads for a gateway. */
export interface RowsReader {
  /** How many rows and index entries the server reads meanwhile, including those of temporary tables. */
  rowsRead(run: () => Promise<unknown>): Promise<number>;
  close(): Promise<void>;
}

// Entries rejected by an index condition are also read, but MariaDB counts them separately (MySQL does not count them).
const MARIADB = `SELECT 0 AS thread, SUM(IF(VARIABLE_NAME = 'HANDLER_ICP_MATCH', -VARIABLE_VALUE, VARIABLE_VALUE)) AS n
  FROM information_schema.GLOBAL_STATUS
  WHERE VARIABLE_NAME LIKE 'HANDLER_READ%' OR VARIABLE_NAME IN ('HANDLER_ICP_ATTEMPTS', 'HANDLER_ICP_MATCH')`;
const MYSQL = `SELECT s.THREAD_ID AS thread, SUM(s.VARIABLE_VALUE) AS n
  FROM performance_schema.status_by_thread AS s JOIN performance_schema.threads AS t USING (THREAD_ID)
  WHERE t.PROCESSLIST_DB = ? AND s.VARIABLE_NAME LIKE 'Handler_read%' GROUP BY s.THREAD_ID`;

/**
 * Reads the server's handler counters. MySQL has them per connection: only those to the URL's database count, whoever else uses
 * the server. What a connection read is lost with it, so the one that is counted has to stay open; another may end meanwhile (the
 * server ends a connection some time after its client closed it). MariaDB has the counters only for the whole server, which
 * nobody else may use meanwhile.
 */
export async function openRowsReader(databaseUrl: string): Promise<RowsReader> {
  const { database } = connectionOptions(databaseUrl);
  const url = Object.assign(new URL(databaseUrl), { pathname: '/information_schema' }).href;
  // However long it takes on a busy machine.
  const connection = await createConnection({ ...connectionOptions(url), connectTimeout: 0 });
  const isMariaDb = connection.info?.isMariaDB() ?? false;
  const read = async (): Promise<Map<number, number>> => {
    const rows: { thread: unknown; n: unknown }[] = await connection.query(isMariaDb ? MARIADB : MYSQL, [database]);
    return new Map(rows.map(({ thread, n }) => [Number(thread), Number(n)]));
  };
  const difference = async (run: () => Promise<unknown>): Promise<number> => {
    const before = await read();
    await run();
    let sum = 0;
    for (const [thread, n] of await read()) sum += n - (before.get(thread) ?? 0);
    return sum;
  };
  // Reading MariaDB's counters itself reads rows, the same number each time.
  await read();
  const own = await difference(async () => {});
  return {
    rowsRead: async (run) => (await difference(run)) - own,
    close: () => connection.end(),
  };
}
