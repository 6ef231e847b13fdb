import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase as openDatabase, type Database } from '../../src/db/database.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { nodeId, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { withConnection } from '../support/servers.ts';

// What prisma.test.ts does for lists and keys, for searches, ids, and rows that other rows refer to.

let gateway: SeededGateway;
let db: Database;
beforeAll(async () => {
  gateway = await startSeededGateway(60, { LIMIT_COST: '1000000' });
  const [statementMs, waitMs] = [600_000, 600_000];
  db = await openDatabase({ url: gateway.databaseUrl, connections: 2, statementMs, waitMs, metrics: createMetrics() });
  await withConnection(gateway.databaseUrl, async (connection) => {
    for (const statement of [
      // Equal names, and equal prefixes of unique values.
      `UPDATE customers SET name = ELT(1 + id % 6, 'Ada', 'ÁDA', 'Bo', 'bö', 'Zoë', 'zoe''s'), owner_id = NULLIF(id % 4, 0),
         email = IF(id % 5 = 0, NULL, CONCAT(ELT(1 + id % 3, 'a@', 'ab@', 'b_c%@'), 'x', id, '.test')),
         phone = IF(id % 7 = 0, NULL, CONCAT(ELT(1 + id % 3, '+4930123', '+4930124', '+1212555'), LPAD(id, 4, '0')))`,
      'UPDATE tickets SET assignee_id = NULLIF(id % 4, 0)',
      'UPDATE interactions SET agent_id = NULLIF(id % 4, 0), ticket_id = IF(id % 3 = 0, NULL, ticket_id)',
    ])
      await connection.query(statement);
  });
});
afterAll(async () => {
  await db.close();
  await gateway.close();
});

const SEARCH = `query($text: String!, $first: Int!, $after: String) { searchCustomers(text: $text, first: $first, after: $after) {
  totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id } } } }`;

test.each([
  ['name', ['a', 'AD', 'ada', 'bö', 'zoe', "zoe's", 'x']],
  ['email', ['a@', 'AB@', 'b_c%@', 'a@x1', 'x@']],
  ['phone', ['+4930', '+4930123', '+49301240', '+1212', '+3310']],
] as const)('what a search by %s finds, page by page, is what Prisma Client finds', async (column, texts) => {
  let found = 0;
  for (const text of texts) {
    const where = { [column]: { startsWith: text.toLowerCase() } };
    const rows = await db.client.customer.findMany({ where, orderBy: [{ [column]: 'asc' }, { id: 'asc' }] });
    const expected = rows.map(({ id }) => nodeId('Customer', id));
    expect(await db.client.customer.count({ where })).toBe(rows.length);
    found += rows.length;
    for (const first of [1, 3, 100]) {
      const ids: string[] = [];
      for (let after: string | null = null, isMore = true; isMore;) {
        const { searchCustomers: page } = await gateway.data(SEARCH, { text, first, after });
        ids.push(...page.edges.map(({ node }: { node: { id: string } }) => node.id));
        expect({ text, total: page.totalCount }).toEqual({ text, total: rows.length });
        expect(page.edges.length).toBe(Math.min(first, rows.length - ids.length + page.edges.length));
        expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.cursor ?? null);
        [after, isMore] = [page.pageInfo.endCursor, page.pageInfo.hasNextPage];
      }
      expect({ text, first, ids }).toEqual({ text, first, ids: expected });
    }
  }
  expect(found).toBeGreaterThan(10);
});

/** The ids of rows and of one that does not exist, from the last to the first. */
const idsOf = (type: string, rows: readonly { readonly id: bigint }[]): string[] =>
  [...rows.map(({ id }) => nodeId(type, id)), nodeId(type, 9_999_999)].toReversed();

/** Asks for nodes a hundred at a time. */
async function nodesOf<Node>(ids: readonly string[], selection: string): Promise<Node[]> {
  const nodes: Node[] = [];
  for (let at = 0; at < ids.length; at += 100) {
    const data = await gateway.data(`query($ids: [ID!]!) { nodes(ids: $ids) { ${selection} } }`, {
      ids: ids.slice(at, at + 100),
    });
    nodes.push(...data.nodes);
  }
  return nodes;
}

test('agents and interactions by id are the ones that Prisma Client finds', async () => {
  const agents = await db.client.agent.findMany({ orderBy: { id: 'asc' } });
  const interactions = await db.client.interaction.findMany({ orderBy: { id: 'asc' } });
  expect(Math.min(agents.length, interactions.length)).toBeGreaterThan(2);
  const expected = {
    Agent: agents.map(({ id, name, email }) => ({ id: nodeId('Agent', id), name, email })),
    Interaction: interactions.map(({ id, kind, body, occurredAt }) => ({
      ...{ id: nodeId('Interaction', id), kind, body },
      occurredAt: occurredAt.toISOString(),
    })),
  };
  for (const [type, rows, fields] of [
    ['Agent', agents, 'id name email'],
    ['Interaction', interactions, 'id kind body occurredAt'],
  ] as const) {
    const selection = `... on ${type} { ${fields} }`;
    expect(await nodesOf(idsOf(type, rows), selection)).toEqual([null, ...expected[type].toReversed()]);
    const { node } = await gateway.data(`{ node(id: "${expected[type][1]?.id}") { ${selection} } }`);
    expect(node).toEqual(expected[type][1]);
  }
});

type Row = Readonly<Record<string, unknown>> & { readonly id: bigint };
type Reference = readonly [field: string, column: string, type: string, name: 'name' | 'number'];

/** For each type, the fields that lead to another row, its column, and what to compare of that row. */
const REFERENCES: Readonly<Record<string, readonly Reference[]>> = {
  Customer: [['owner', 'ownerId', 'Agent', 'name']],
  Order: [['customer', 'customerId', 'Customer', 'name']],
  Ticket: [
    ['customer', 'customerId', 'Customer', 'name'],
    ['assignee', 'assigneeId', 'Agent', 'name'],
  ],
  Interaction: [
    ['customer', 'customerId', 'Customer', 'name'],
    ['ticket', 'ticketId', 'Ticket', 'number'],
    ['agent', 'agentId', 'Agent', 'name'],
  ],
};

const allOf = async (type: string): Promise<Row[]> => {
  const { agent, customer, interaction, order, product, ticket } = db.client;
  const models = {
    Agent: agent,
    Customer: customer,
    Interaction: interaction,
    Order: order,
    Product: product,
    Ticket: ticket,
  };
  const model = models[type as keyof typeof models] as unknown as { findMany(query: object): Promise<Row[]> };
  return model.findMany({ orderBy: { id: 'asc' } });
};
const byId = async (type: string): Promise<ReadonlyMap<unknown, Row>> =>
  new Map((await allOf(type)).map((row) => [row.id, row]));

test.each(Object.entries(REFERENCES))(
  'the rows that a %s refers to are the ones that Prisma Client finds',
  async (type, references) => {
    const rows = await allOf(type);
    const selection = references.map(([field, , , name]) => `${field} { id ${name} }`).join(' ');
    const expected: Record<string, unknown>[] = rows.map((row) => ({ id: nodeId(type, row.id) }));
    for (const [field, column, target, name] of references) {
      const targets = await byId(target);
      for (const [i, row] of rows.entries()) {
        const found = targets.get(row[column]);
        Object.assign(expected[i] ?? {}, {
          [field]: found === undefined ? null : { id: nodeId(target, found.id), [name]: found[name] },
        });
      }
      expect(new Set(rows.map((row) => row[column])).size).toBeGreaterThan(2);
    }
    const asked = await nodesOf(idsOf(type, rows), `... on ${type} { id ${selection} }`);
    expect(asked).toEqual([null, ...expected.toReversed()]);
  },
);

test('the products of order items are the ones that Prisma Client finds', async () => {
  const orders = await allOf('Order');
  const products = await byId('Product');
  const items = await db.client.orderItem.findMany({ orderBy: [{ orderId: 'asc' }, { position: 'asc' }] });
  const nodes = await nodesOf<{ items: unknown[] }>(
    orders.map(({ id }) => nodeId('Order', id)),
    '... on Order { items { quantity product { id sku name } } }',
  );
  expect(nodes.flatMap((node) => node.items)).toEqual(
    items.map(({ quantity, productId }) => {
      const product = products.get(productId);
      return {
        quantity,
        product: { id: nodeId('Product', productId), sku: product?.['sku'], name: product?.['name'] },
      };
    }),
  );
  expect(items.length).toBeGreaterThan(orders.length);
});
