import { expect, test } from '@jest/globals';
import { readAsOurs } from '../../src/db/driver-rows.ts';
import { createDatabase, withConnection } from '../support/servers.ts';

const FIVE_ROWS =
  'SELECT n FROM (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) AS t WHERE ? < n';

test('rows from the first one that is refused on are not decoded, and those before it are dropped', async () => {
  const database = await createDatabase();
  try {
    await withConnection(database.url, async (connection) => {
      const read = async (takesRow?: () => boolean): Promise<unknown[][]> => {
        const values = [0];
        if (takesRow !== undefined) readAsOurs(values, takesRow);
        const rows = await connection.execute<unknown[][]>({ sql: FIVE_ROWS, rowsAsArray: true }, values);
        return rows.map((row) => row.map(Number));
      };
      let taken = 0;
      expect(await read(() => (taken += 1) <= 3)).toEqual([[]]);
      expect(taken).toBe(5);
      expect(await read(() => true)).toEqual([[1], [2], [3], [4], [5]]);
      expect(await read()).toEqual([[1], [2], [3], [4], [5]]);
    });
  } finally {
    await database.drop();
  }
});
