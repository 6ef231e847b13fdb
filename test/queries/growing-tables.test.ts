import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { fillWithManyChildren } from '../support/heavy-data.ts';
import type { ListPage } from '../support/lists.ts';
import { openRowsReader, type RowsReader } from '../support/rows-read.ts';
import { createDatabase, startOwnServers, withConnection } from '../support/servers.ts';

// Ten thousand rows, of which most would be read by a statement that starts at the wrong end, or from the wrong index. Rows are
// made an hour apart or less from 2024-01-01 on, and updated in the same order.

/** The extra row that tells whether there is a next page, and look-ups at the ends of index ranges. */
const SLACK = 5;

const TEN_MINUTES = '{ from: "2024-01-01T01:00:00Z", to: "2024-01-01T01:10:00Z" }';

let gateway: TestGateway;
let reader: RowsReader;
let drop: () => Promise<void>;

beforeAll(async () => {
  // As in rows.test.ts: MariaDB counts for the whole server.
  const own = process.env['TEST_DATABASE_URL'] === undefined ? await startOwnServers() : undefined;
  const database = own === undefined ? await createDatabase() : { url: own.database.url, drop: own.close };
  drop = database.drop;
  await fillWithManyChildren(database.url);
  // More orders than are counted, with each status.
  await withConnection(database.url, (connection) =>
    connection.query(`INSERT INTO orders (number, customer_id, status, currency, total, placed_at, updated_at)
      SELECT CONCAT(number, '-', n), customer_id, status, 'EUR', 1, placed_at, updated_at FROM orders,
        (SELECT 2 AS n UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) AS more`),
  );
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

describe('totalCount', () => {
  test.each([
    [`orders(filter: { status: [PAID], updatedAt: ${TEN_MINUTES} })`, 25, 1],
    [`tickets(filter: { priority: [LOW], updatedAt: ${TEN_MINUTES} })`, 8, 1],
    ['customers(filter: { status: [LEAD], nameStartsWith: "Name 00001" })', 7, 1],
    // By tag, each entry leads to a row.
    ['customers(filter: { tag: "common", nameStartsWith: "Name 00001" })', 30, 2],
  ])('reads the index of the conditions, not that of the order: %s', async (list, count, rowsAnEntry) => {
    const { found, rows } = await read(`{ ${list} { totalCount } }`);
    expect(found.totalCount).toBe(count);
    // And each row once more to be counted.
    expect(rows).toBeLessThanOrEqual(count * (rowsAnEntry + 1) + SLACK);
  });

  test.each([
    ['orders(filter: { status: [PENDING, PAID, SHIPPED] })', 10_000],
    ['orders(filter: { status: [PENDING, PAID], placedAt: { to: "2024-01-01T01:00:00Z" } })', 445],
    ['tickets(filter: { status: [OPEN, CLOSED], priority: [LOW, HIGH] })', 3_336],
  ])('counts several values together, with one bound for all: %s', async (list, count) => {
    const { found, rows } = await read(`{ ${list} { totalCount } }`);
    expect(found.totalCount).toBe(count);
    expect(rows).toBeLessThanOrEqual(2 * count + SLACK);
  });
});
