import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listDocument, listNamed, listVariables, type ListPage } from '../support/lists.ts';
import { nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';

// Compares the contents of lists with plain SQL on the same rows.

let gateway: SeededGateway;
beforeAll(async () => {
  gateway = await startSeededGateway();
});
afterAll(() => gateway.close());

interface Asked {
  readonly filter?: Record<string, unknown>;
  readonly orderBy?: { readonly field: string; readonly direction?: 'ASC' | 'DESC' };
  readonly kind?: string;
}

const rowId = (id: string): number => Number(Buffer.from(id, 'base64url').toString().split(':')[1]);

/** The row ids of a list's first page, in a document that asks for no cursor. */
async function firstIds(listName: string, asked: Asked, parent?: number): Promise<number[]> {
  const list = listNamed(listName);
  const parents = parent === undefined ? {} : { parents: [parent] };
  const variables = listVariables(list, { ...asked, ...parents, first: 100 });
  const data = await gateway.data(listDocument(list, 'nodes { id }'), variables);
  const page: ListPage = parent === undefined ? data[list.field] : data.nodes[0][list.field];
  return page.nodes.map((node) => rowId(node.id));
}

/** Every row id of a list, page by page, with its totalCount. */
async function walked(listName: string, asked: Asked, parent?: number): Promise<{ ids: number[]; totalCount: number }> {
  const list = listNamed(listName);
  const document = listDocument(list, 'nodes { id } totalCount pageInfo { hasNextPage endCursor }');
  const ids: number[] = [];
  for (let after: string | null = null; ;) {
    const parents = parent === undefined ? {} : { parents: [parent] };
    const data = await gateway.data(document, listVariables(list, { ...asked, ...parents, first: 100, after }));
    const page: ListPage = parent === undefined ? data[list.field] : data.nodes[0][list.field];
    ids.push(...page.nodes.map((node) => rowId(node.id)));
    if (!page.pageInfo.hasNextPage) return { ids, totalCount: page.totalCount };
    after = page.pageInfo.endCursor;
  }
}

async function selected(sql: string): Promise<number[]> {
  const rows: { id: bigint }[] = await withConnection(gateway.databaseUrl, (connection) => connection.query(sql));
  return rows.map((row) => Number(row.id));
}

async function expectSame(
  listName: string,
  asked: Asked,
  { where, order, parent }: { where: string; order: string; parent?: number },
) {
  const list = listNamed(listName);
  const own = parent === undefined ? '' : `${list.parent?.column} = ${parent} AND`;
  const expected = await selected(`SELECT id FROM ${list.table} WHERE ${own} ${where} ORDER BY ${order}`);
  const { ids, totalCount } = await walked(listName, asked, parent);
  expect({ asked, ids }).toEqual({ asked, ids: expected });
  // Without cursors, the column that the list is sorted by is not read.
  expect({ asked, ids: await firstIds(listName, asked, parent) }).toEqual({ asked, ids: expected.slice(0, 100) });
  expect(totalCount).toBe(expected.length);
  return expected.length;
}

const CREATED = { from: '2018-01-01T00:00:00Z', to: '2021-06-15T12:00:00+02:00' };
const createdWithin = "created_at >= '2018-01-01' AND created_at < '2021-06-15 10:00:00'";
const tagged = (tag: string) => `id IN (SELECT customer_id FROM customer_tags WHERE tag = '${tag}')`;
const lateOwner = { ownerId: nodeId('Agent', 1) };

const CUSTOMER_FILTERS: readonly [Record<string, unknown>, string][] = [
  [{}, '1 = 1'],
  [{ status: ['ACTIVE'] }, "status = 'ACTIVE'"],
  [{ status: ['LEAD', 'CHURNED', 'LEAD'] }, "status IN ('LEAD', 'CHURNED')"],
  [{ status: ['LEAD', 'ACTIVE', 'INACTIVE', 'CHURNED'] }, '1 = 1'],
  [lateOwner, 'owner_id = 1'],
  [{ ...lateOwner, status: ['ACTIVE', 'INACTIVE'] }, "owner_id = 1 AND status IN ('ACTIVE', 'INACTIVE')"],
  [{ tag: 'b2b' }, tagged('b2b')],
  [{ tag: 'b2b', status: ['ACTIVE'], ...lateOwner }, `${tagged('b2b')} AND status = 'ACTIVE' AND owner_id = 1`],
  [{ tag: 'retail', createdAt: CREATED }, `${tagged('retail')} AND ${createdWithin}`],
  [{ createdAt: CREATED }, createdWithin],
  [{ createdAt: { from: CREATED.from } }, "created_at >= '2018-01-01'"],
  [{ createdAt: { to: CREATED.from } }, "created_at < '2018-01-01'"],
  [{ createdAt: {} }, '1 = 1'],
  [{ createdAt: { from: null, to: null } }, '1 = 1'],
  [{ createdAt: { from: CREATED.to, to: CREATED.from } }, '1 = 0'],
  [{ updatedAt: CREATED }, createdWithin.replaceAll('created', 'updated')],
  [
    { createdAt: CREATED, updatedAt: { from: '2019-01-01T00:00:00Z' }, status: ['ACTIVE'] },
    `${createdWithin} AND updated_at >= '2019-01-01' AND status = 'ACTIVE'`,
  ],
  [{ nameStartsWith: 'm' }, "name LIKE 'm%'"],
  [
    { nameStartsWith: 'M', status: ['ACTIVE', 'LEAD'], ...lateOwner },
    "name LIKE 'm%' AND status IN ('ACTIVE', 'LEAD') AND owner_id = 1",
  ],
  [{ nameStartsWith: 'a', tag: 'newsletter' }, `name LIKE 'a%' AND ${tagged('newsletter')}`],
  [
    { status: null, ownerId: null, tag: null, nameStartsWith: null, phone: null, createdAt: null, updatedAt: null },
    '1 = 1',
  ],
];

const CUSTOMER_ORDERS = [
  [undefined, 'created_at DESC, id DESC'],
  [{ field: 'CREATED_AT' }, 'created_at, id'],
  [{ field: 'UPDATED_AT', direction: 'DESC' }, 'updated_at DESC, id DESC'],
  [{ field: 'UPDATED_AT', direction: 'ASC' }, 'updated_at, id'],
  [{ field: 'NAME', direction: 'ASC' }, 'name, id'],
  [{ field: 'NAME', direction: 'DESC' }, 'name DESC, id DESC'],
] as const;

const withOrder = (orderBy: Asked['orderBy']) => (orderBy === undefined ? {} : { orderBy });

describe('customers', () => {
  test.each(CUSTOMER_FILTERS)(
    'with the filter %j are those that SQL finds, in every order, among all and of one agent',
    async (filter, where) => {
      for (const [orderBy, order] of CUSTOMER_ORDERS) {
        await expectSame('Query.customers', { filter, ...withOrder(orderBy) }, { where, order });
        await expectSame('Agent.customers', { filter, ...withOrder(orderBy) }, { where, order, parent: 1 });
      }
    },
  );

  test('of one agent are none if the filter names another agent', async () => {
    expect((await walked('Agent.customers', { filter: { ownerId: nodeId('Agent', 2) } }, 1)).ids).toEqual([]);
  });

  test('are found by every status, agent and tag that occurs', async () => {
    const order = { order: 'created_at DESC, id DESC' };
    for (const status of ['LEAD', 'ACTIVE', 'INACTIVE', 'CHURNED'])
      expect(
        await expectSame('Query.customers', { filter: { status } }, { where: `status = '${status}'`, ...order }),
      ).toBeGreaterThan(0);
    for (const agent of [1, 2, 3, 4, 5]) {
      const filter = { ownerId: nodeId('Agent', agent) };
      expect(
        await expectSame('Query.customers', { filter }, { where: `owner_id = ${agent}`, ...order }),
      ).toBeGreaterThan(0);
    }
    const tags: { tag: string }[] = await withConnection(gateway.databaseUrl, (sql) =>
      sql.query('SELECT DISTINCT tag FROM customer_tags'),
    );
    expect(tags.length).toBeGreaterThan(20);
    for (const { tag } of tags)
      expect(
        await expectSame('Query.customers', { filter: { tag } }, { where: tagged(tag), ...order }),
      ).toBeGreaterThan(0);
  });
});

const ORDER_FILTERS: readonly [Record<string, unknown>, string][] = [
  [{}, '1 = 1'],
  [{ status: ['PENDING'] }, "status = 'PENDING'"],
  [{ status: ['SHIPPED', 'REFUNDED', 'CANCELLED'] }, "status IN ('SHIPPED', 'REFUNDED', 'CANCELLED')"],
  [
    { placedAt: { from: '2022-01-01T00:00:00Z', to: '2024-01-01T00:00:00Z' } },
    "placed_at >= '2022-01-01' AND placed_at < '2024-01-01'",
  ],
  [{ updatedAt: { to: '2022-01-01T00:00:00.001Z' } }, "updated_at < '2022-01-01 00:00:00.001'"],
  [
    {
      status: ['DELIVERED', 'PAID'],
      placedAt: { from: '2023-01-01T00:00:00Z' },
      updatedAt: { to: '2025-01-01T00:00:00Z' },
    },
    "status IN ('DELIVERED', 'PAID') AND placed_at >= '2023-01-01' AND updated_at < '2025-01-01'",
  ],
];

const TICKET_FILTERS: readonly [Record<string, unknown>, string][] = [
  [{}, '1 = 1'],
  [{ status: ['OPEN', 'PENDING'] }, "status IN ('OPEN', 'PENDING')"],
  [{ priority: ['URGENT'] }, "priority = 'URGENT'"],
  [{ status: ['CLOSED'], priority: ['LOW', 'HIGH'] }, "status = 'CLOSED' AND priority IN ('LOW', 'HIGH')"],
  [{ openedAt: { from: '2021-01-01T00:00:00Z' } }, "opened_at >= '2021-01-01'"],
  [
    { updatedAt: { from: '2020-01-01T00:00:00Z', to: '2024-01-01T00:00:00Z' }, priority: ['NORMAL'] },
    "updated_at >= '2020-01-01' AND updated_at < '2024-01-01' AND priority = 'NORMAL'",
  ],
];

async function busiest(column: string, table: string): Promise<number> {
  const [parent] = await selected(
    `SELECT ${column} AS id FROM ${table} GROUP BY ${column} HAVING id IS NOT NULL ORDER BY COUNT(*) DESC LIMIT 1`,
  );
  return parent ?? 0;
}

describe('orders and tickets', () => {
  test.each(ORDER_FILTERS)(
    'orders with the filter %j are those that SQL finds, among all and of one customer',
    async (filter, where) => {
      const customer = await busiest('customer_id', 'orders');
      for (const [orderBy, order] of [
        [undefined, 'placed_at DESC, id DESC'],
        [{ field: 'PLACED_AT' }, 'placed_at, id'],
        [{ field: 'UPDATED_AT', direction: 'DESC' }, 'updated_at DESC, id DESC'],
        [{ field: 'UPDATED_AT' }, 'updated_at, id'],
      ] as const) {
        await expectSame('Query.orders', { filter, ...withOrder(orderBy) }, { where, order });
        await expectSame('Customer.orders', { filter, ...withOrder(orderBy) }, { where, order, parent: customer });
      }
    },
  );

  test.each(TICKET_FILTERS)(
    'tickets with the filter %j are those that SQL finds, among all, of a customer and of an agent',
    async (filter, where) => {
      const [customer, agent] = [await busiest('customer_id', 'tickets'), await busiest('assignee_id', 'tickets')];
      for (const [orderBy, order] of [
        [undefined, 'opened_at DESC, id DESC'],
        [{ field: 'OPENED_AT' }, 'opened_at, id'],
        [{ field: 'UPDATED_AT', direction: 'DESC' }, 'updated_at DESC, id DESC'],
        [{ field: 'CLOSED_AT' }, 'closed_at IS NOT NULL, closed_at, id'],
        [{ field: 'CLOSED_AT', direction: 'DESC' }, 'closed_at IS NULL, closed_at DESC, id DESC'],
      ] as const) {
        const asked = { filter, ...withOrder(orderBy) };
        await expectSame('Query.tickets', asked, { where, order });
        await expectSame('Customer.tickets', asked, { where, order, parent: customer });
        await expectSame('Agent.tickets', asked, { where, order, parent: agent });
      }
    },
  );
});

describe('lists without a filter of their own', () => {
  test('sort agents and products by name, and interactions by time, newest first, also with a kind', async () => {
    for (const list of ['Query.agents', 'Query.products'])
      await expectSame(list, {}, { where: '1 = 1', order: 'name, id' });
    const customer = await busiest('customer_id', 'interactions');
    const order = 'occurred_at DESC, id DESC';
    await expectSame('Customer.interactions', {}, { where: '1 = 1', order, parent: customer });
    for (const kind of ['CALL', 'EMAIL', 'CHAT', 'MEETING', 'NOTE'])
      await expectSame('Customer.interactions', { kind }, { where: `kind = '${kind}'`, order, parent: customer });
    await expectSame(
      'Ticket.interactions',
      {},
      { where: '1 = 1', order, parent: await busiest('ticket_id', 'interactions') },
    );
  });
});
