import { createConnection } from 'mariadb';
import { connectionOptions } from '../../src/db/database.ts';
import type { Answer } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { processlist, withConnection } from '../support/servers.ts';

/** A table that is locked against reads. */
export interface TableLock {
  /** Waits until this many statements about the table are waiting in the server. */
  readonly waiting: (statements: number) => Promise<void>;
  /** How many statements about the table are in the server. */
  readonly statements: () => Promise<number>;
  readonly release: () => Promise<void>;
}

/** Blocks every statement about a table. */
export async function lockTable(databaseUrl: string, table: string): Promise<TableLock> {
  const connection = await createConnection({ ...connectionOptions(databaseUrl), connectTimeout: 0 });
  await connection.query(`LOCK TABLES ${table} WRITE`);
  const statements = () =>
    withConnection(databaseUrl, async (other) => {
      const rows = await other.query<unknown[]>(
        `SELECT 1 FROM ${processlist(other)} WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE ?`,
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

/**
 * Waits until every connection of a gateway's pool is available: that many reads wait for a table at once.
 * @param ask reads the table
 */
export async function untilWholePool(
  connections: number,
  { databaseUrl, table }: { databaseUrl: string; table: string },
  ask: () => Promise<Answer>,
): Promise<void> {
  await until(
    `a pool of ${connections} connections to be whole`,
    async () => {
      const lock = await lockTable(databaseUrl, table);
      let isAnswered = false;
      const asked = Array.from({ length: connections }, async () => {
        const answer = await ask();
        isAnswered = true;
        return answer;
      });
      // If one waited too long, it gets an error before the others have arrived; then all of them are sent again.
      const { waiting } = await until(
        `${connections} statements to wait for ${table}`,
        async () => ({ waiting: await lock.statements(), isAnswered }),
        (seen) => seen.isAnswered || seen.waiting >= connections,
      );
      await lock.release();
      return { waiting, errors: (await Promise.all(asked)).flatMap(({ errors }) => errors) };
    },
    ({ waiting, errors }) => waiting >= connections && errors.length === 0,
  );
}
