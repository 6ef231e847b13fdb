import { until } from '../support/patience.ts';
import { openConnection, withConnection } from '../support/servers.ts';

/** A table that nobody can read. */
export interface TableLock {
  /** Until this many statements about the table wait in the server. */
  readonly waiting: (statements: number) => Promise<void>;
  /** How many statements about the table are in the server. */
  readonly statements: () => Promise<number>;
  readonly release: () => Promise<void>;
}

/** Holds up every statement about a table. */
export async function lockTable(databaseUrl: string, table: string): Promise<TableLock> {
  const connection = await openConnection(databaseUrl);
  await connection.query(`LOCK TABLES ${table} WRITE`);
  const statements = () =>
    withConnection(databaseUrl, async (other) => {
      const rows = await other.query<unknown[]>(
        'SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE ?',
        [`%FROM ${table} %`],
      );
      return rows.length;
    });
  return {
    statements,
    async waiting(count) {
      await until(`${count} statements to wait for ${table}`, statements, (waiting) => waiting >= count);
    },
    release: () => connection.end(),
  };
}
