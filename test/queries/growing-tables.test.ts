import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cursorTools } from '../support/cursors.ts';
import { ANY_COST, PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { FEW, fillWithManyChildren, MANY } from '../support/heavy-data.ts';
import type { ListPage } from '../support/lists.ts';
import { createCountedDatabase } from '../support/counted-database.ts';
import { openRowsReader, type RowsReader } from '../support/rows-read.ts';
import { nodeId } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';

// Ten thousand rows, of which most would be read by a statement that starts at the wrong end, or from the wrong index. Rows are
// made an hour apart or less from 2024-01-01 on, and updated in the same order.

/** The extra row that tells whether there is a next page, and look-ups at the ends of index ranges. */
const SLACK = 5;

const TEN_MINUTES = '{ from: "2024-01-01T01:00:00Z", to: "2024-01-01T01:10:00Z" }';

let gateway: TestGateway;
let reader: RowsReader;
let databaseUrl: string;
let drop: () => Promise<void>;

beforeAll(async () => {
  ({ url: databaseUrl, drop } = await createCountedDatabase());
  await fillWithManyChildren(databaseUrl);
  // More orders than are counted, with each status.
  await withConnection(databaseUrl, (connection) =>
    connection.query(`INSERT INTO orders (number, customer_id, status, currency, total, placed_at, updated_at)
      SELECT CONCAT(number, '-', n), customer_id, status, 'EUR', 1, placed_at, updated_at FROM orders,
        (SELECT 2 AS n UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) AS more`),
  );
  gateway = await startGateway({ databaseUrl, settings: { ...PATIENT, ...ANY_COST } });
  reader = await openRowsReader(databaseUrl);
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

test('Whether there is a previous page is read from the index of a filter, if the row of the cursor is gone and little matches', async () => {
  const list = `filter: { updatedAt: ${TEN_MINUTES} }, orderBy: { field: PLACED_AT, direction: DESC }, first: 5`;
  const start = await read(`{ orders(${list}) { pageInfo { endCursor } } }`);
  const cursors = await cursorTools(databaseUrl);
  for (const [value, expected] of [
    ['2024-01-03T00:00:00.000Z', false],
    ['2024-01-01T00:30:00.000Z', true],
  ] as const) {
    const after = cursors.movedTo(start.found.pageInfo.endCursor, { value, id: 999_999 });
    const { found, rows } = await read(`{ orders(${list}, after: "${after}") { pageInfo { hasPreviousPage } } }`);
    expect(found.pageInfo.hasPreviousPage).toBe(expected);
    // A hundred match. Both statements have two probes.
    expect(rows).toBeLessThanOrEqual(2 * 4 * 100);
  }
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

const updated = "updated_at >= '2024-01-01 01:00' AND updated_at < '2024-01-01 01:10'";
const made = "created_at >= '2024-01-01 01:00' AND created_at < '2024-01-01 01:10'";

/** A filter that the order's index does not cover. */
interface Filter {
  readonly table: 'customers' | 'orders' | 'tickets';
  readonly filter: string;
  readonly field: string;
  readonly where: string;
  /** How many of the statement's probes find more rows than are all read; each SELECT has a probe for each range. */
  readonly probes: number;
}

const FILTERS: readonly Filter[] = [
  { table: 'orders', filter: `updatedAt: ${TEN_MINUTES}`, field: 'PLACED_AT', where: updated, probes: 0 },
  {
    table: 'orders',
    filter: 'updatedAt: { from: "2024-01-01T01:00:00Z" }',
    field: 'PLACED_AT',
    where: "updated_at >= '2024-01-01 01:00'",
    probes: 2,
  },
  {
    table: 'orders',
    filter: `status: [PAID, PENDING], updatedAt: ${TEN_MINUTES}`,
    field: 'PLACED_AT',
    where: `status IN ('PAID', 'PENDING') AND ${updated}`,
    probes: 0,
  },
  {
    table: 'orders',
    filter: 'status: [PAID, PENDING], updatedAt: { to: "2024-01-09T00:00:00Z" }',
    field: 'PLACED_AT',
    where: "status IN ('PAID', 'PENDING')",
    probes: 3,
  },
  { table: 'tickets', filter: `updatedAt: ${TEN_MINUTES}`, field: 'CLOSED_AT', where: updated, probes: 0 },
  {
    table: 'tickets',
    filter: `openedAt: { from: "2024-01-01T00:00:00Z" }, updatedAt: ${TEN_MINUTES}`,
    field: 'CLOSED_AT',
    where: updated,
    probes: 3,
  },
  {
    table: 'tickets',
    filter: 'openedAt: { from: "2024-01-01T01:00:00Z" }',
    field: 'CLOSED_AT',
    where: "opened_at >= '2024-01-01 01:00'",
    probes: 2,
  },
  {
    table: 'customers',
    filter: 'nameStartsWith: "Name 00001"',
    field: 'CREATED_AT',
    where: "name LIKE 'Name 00001%'",
    probes: 0,
  },
  { table: 'customers', filter: 'nameStartsWith: "Name 00"', field: 'CREATED_AT', where: '1 = 1', probes: 2 },
  { table: 'customers', filter: `tag: "common", createdAt: ${TEN_MINUTES}`, field: 'NAME', where: made, probes: 0 },
  {
    table: 'customers',
    filter: 'tag: "common", createdAt: { from: "2024-01-01T01:00:00Z" }',
    field: 'NAME',
    where: "created_at >= '2024-01-01 01:00'",
    probes: 2,
  },
];

const PAGE = 7;
/** Up to how many rows are all read and sorted. */
const NARROW = 1_000;

describe.each(FILTERS)('$table with $filter by $field', ({ table, filter, field, where, probes }) => {
  const listed = (order: string, page: string, selection: string) =>
    read(
      `{ ${table}(filter: { ${filter} }, orderBy: { field: ${field}, direction: ${order} }, ${page}) { ${selection} } }`,
    );

  /** The ids of all rows in order, by a statement that names no index. */
  const idsOf = (order: string) =>
    withConnection(databaseUrl, async (connection) => {
      const column = field.toLowerCase();
      const rows = await connection.query<{ id: bigint }[]>(
        `SELECT id FROM ${table} WHERE ${where} ORDER BY ${column} ${order}, id ${order}`,
      );
      const type = { orders: 'Order', tickets: 'Ticket', customers: 'Customer' }[table];
      return rows.map(({ id }) => nodeId(type, id));
    });

  test('finds the rows that a statement without a hint finds, from either end and from cursors', async () => {
    for (const order of ['ASC', 'DESC']) {
      const ids = await idsOf(order);
      const found = async (page: string) => {
        const selection = 'edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage } totalCount';
        const { edges, pageInfo, totalCount } = (await listed(order, page, selection)).found;
        expect(totalCount).toBe(Math.min(ids.length, 10_000));
        const { hasNextPage, hasPreviousPage } = pageInfo;
        const about = { ids: edges.map(({ node }) => node.id), hasNextPage, hasPreviousPage };
        return { about, cursor: (at: number) => edges.at(at)?.cursor };
      };
      const expected = (from: number, to: number) => ({
        ids: ids.slice(Math.max(from, 0), to),
        hasNextPage: to < ids.length,
        hasPreviousPage: from > 0,
      });
      const start = await found(`first: ${PAGE}`);
      expect(start.about).toEqual(expected(0, PAGE));
      expect((await found(`first: ${PAGE}, after: "${start.cursor(-1)}"`)).about).toEqual(expected(PAGE, 2 * PAGE));
      expect((await found(`last: ${PAGE}, before: "${start.cursor(3)}"`)).about).toEqual(expected(-1, 3));
      const end = await found(`last: ${PAGE}`);
      const { length } = ids;
      expect(end.about).toEqual(expected(length - PAGE, length));
      expect((await found(`last: ${PAGE}, before: "${end.cursor(0)}"`)).about).toEqual(
        expected(length - 2 * PAGE, length - PAGE),
      );
      expect((await found(`first: ${PAGE}, after: "${end.cursor(3)}"`)).about).toEqual(expected(length - 3, length));
    }
  });

  test('reads what matches, if that is little, and else its page and no more than a few thousand entries to find out', async () => {
    for (const order of ['ASC', 'DESC']) {
      const { length } = await idsOf(order);
      // All that matches: once for each probe, and then each entry with its row. A page: with some that are skipped.
      const most = probes * NARROW + (length <= NARROW ? 6 * length : NARROW);
      for (const end of ['first', 'last']) {
        const { rows } = await listed(order, `${end}: ${PAGE}`, 'nodes { id }');
        expect({ order, end, rows, isBounded: rows <= most + SLACK }).toEqual({ order, end, rows, isBounded: true });
      }
    }
  });
});

test('With a telephone number that few share, and a tag that many have, only the rows with the number are read', async () => {
  await withConnection(databaseUrl, (connection) =>
    connection.query("UPDATE customers SET phone = '+4930999999' WHERE id IN (7, 8, 5000)"),
  );
  const list =
    'customers(filter: { phone: "+4930999999", tag: "common" }, orderBy: { field: CREATED_AT, direction: DESC })';
  const { found, rows } = await read(`{ ${list} { nodes { id } totalCount } }`);
  expect(found).toEqual({ nodes: [5000, 8, 7].map((id) => ({ id: nodeId('Customer', id) })), totalCount: 3 });
  // Each row leads to the tag's, for the page and for the count, which counts them in a temporary table.
  expect(rows).toBeLessThanOrEqual(5 * 3 + 2 * SLACK);
});

test('A page for several parents is read one way for those of whose rows few match, and another way for the others', async () => {
  const query = `query P($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer {
    orders(first: 7, filter: { updatedAt: { to: "2024-01-02T00:00:00Z" } }) { totalCount nodes { id } }
  } } }`;
  const ids = [MANY, FEW].map((id) => nodeId('Customer', id));
  const [many, few] = await withConnection(databaseUrl, (connection) =>
    Promise.all(
      [MANY, FEW].map((id) =>
        connection.query<{ id: bigint }[]>(`SELECT id FROM orders WHERE customer_id = ${id}
          AND updated_at < '2024-01-02' ORDER BY placed_at DESC, id DESC`),
      ),
    ),
  );
  const expected = [many, few].map((rows = []) => ({
    orders: {
      totalCount: Math.min(rows.length, 10_000),
      nodes: rows.slice(0, 7).map(({ id }) => ({ id: nodeId('Order', id) })),
    },
  }));
  expect(many?.length).toBeGreaterThan(NARROW);
  expect(few?.length).toBeLessThan(NARROW);
  expect(await gateway.data(query, { ids })).toEqual({ nodes: expected });
});

test('Lists of as many parents as a statement is for are found with every value of each filter, and two ranges', async () => {
  const query = `query P($a: [ID!]!, $b: [ID!]!) { a: nodes(ids: $a) { ...Own } b: nodes(ids: $b) { ...Own } }
    fragment Own on Agent { tickets(
      first: 1, orderBy: { field: CLOSED_AT, direction: DESC }
      filter: {
        status: [OPEN, PENDING, RESOLVED, CLOSED], priority: [LOW, NORMAL, HIGH, URGENT]
        openedAt: { from: "2024-01-01T00:00:00Z", to: "2024-01-09T00:00:00Z" }
        updatedAt: { from: "2024-01-01T00:00:00Z", to: "2024-01-09T00:00:00Z" }
      }
    ) { nodes { id } } }`;
  const ids = Array.from({ length: 128 }, (_, i) => nodeId('Agent', i + 1));
  const { a, b } = await gateway.data(query, { a: ids.slice(0, 64), b: ids.slice(64) });
  const found = [...a, ...b].map(({ tickets }: { tickets: ListPage }) => tickets.nodes.length);
  expect(found).toEqual(ids.map((id) => (id === nodeId('Agent', FEW) || id === nodeId('Agent', MANY) ? 1 : 0)));
});
