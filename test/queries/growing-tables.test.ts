import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { fillWithManyChildren } from '../support/heavy-data.ts';
import type { ListPage } from '../support/lists.ts';
import { openRowsReader, type RowsReader } from '../support/rows-read.ts';
import { createDatabase, startOwnServers } from '../support/servers.ts';

// Ten thousand rows, of which most would be read by a statement that starts at the wrong end, or from the wrong index. Rows are
// made an hour apart or less from 2024-01-01 on, and updated in the same order.

/** The extra row that tells whether there is a next page, and look-ups at the ends of index ranges. */
const SLACK = 5;

let gateway: TestGateway;
let reader: RowsReader;
let drop: () => Promise<void>;

beforeAll(async () => {
  // As in rows.test.ts: MariaDB counts for the whole server.
  const own = process.env['TEST_DATABASE_URL'] === undefined ? await startOwnServers() : undefined;
  const database = own === undefined ? await createDatabase() : { url: own.database.url, drop: own.close };
  drop = database.drop;
  await fillWithManyChildren(database.url);
  gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
  reader = await openRowsReader(database.url);
});
afterAll(async () => {
  await reader.close();
  await gateway.close();
  await drop();
});

/** The connection that a query with one root field selects, and how many rows the server reads for it. */
async function read(query: string): Promise<{ found: ListPage; rows: number }> {
  let data: Readonly<Record<string, ListPage>> = {};
  const rows = await reader.rowsRead(async () => {
    data = await gateway.data(query);
  });
  const [found] = Object.values(data);
  if (found === undefined) throw new Error(`nothing found: ${query}`);
  return { found, rows };
}

describe('whether there is a previous page', () => {
  test.each(['filter: { createdAt: { from: "2024-01-02T04:00:00Z" } }', 'filter: { status: [LEAD, ACTIVE] }'])(
    'is read from the cursor on, not from the far end, with %s',
    async (filter) => {
      const list = `${filter}, orderBy: { field: UPDATED_AT, direction: ASC }, first: 5`;
      const start = await read(`{ customers(${list}) { pageInfo { endCursor } } }`);
      const page = `{ customers(${list}, after: "${start.found.pageInfo.endCursor}") { nodes { id }`;
      const plain = await read(`${page} } }`);
      const asked = await read(`${page} pageInfo { hasPreviousPage } } }`);
      expect(asked.found.pageInfo.hasPreviousPage).toBe(true);
      expect(asked.rows - plain.rows).toBeLessThanOrEqual(SLACK);
    },
  );
});
