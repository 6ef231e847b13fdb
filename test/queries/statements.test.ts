import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ANY_COST, PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { parse } from 'graphql';
import { defineTable, id as key } from '../../src/batch/table.ts';
import { analyse } from '../../src/graphql/analysis.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { LISTS, listDocument, listVariables } from '../support/lists.ts';
import { insertRows } from '../support/walked-rows.ts';
import { printTable } from '../support/print-table.ts';
import { nodeId } from '../support/seeded.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

/** Queries of four and more levels, with the statements that each takes, whatever the number of rows. */
const QUERIES: readonly { readonly query: string; readonly statements: readonly string[] }[] = [
  {
    query: 'customers(first: $n) { nodes { orders(first: 5) { nodes { items { product { name } } } } } }',
    statements: ['Query.customers page', 'Customer.orders page', 'Order.items', 'Product by id'],
  },
  {
    query: 'tickets(first: $n) { nodes { customer { orders(first: 5) { nodes { items { quantity } } } } } }',
    statements: ['Query.tickets page', 'Customer by id', 'Customer.orders page', 'Order.items'],
  },
  {
    query:
      'orders(first: $n) { nodes { customer { owner { tickets(first: 3) { nodes { interactions(first: 2) { nodes { body } } } } } } } }',
    statements: [
      ...['Query.orders page', 'Customer by id', 'Agent by id', 'Agent.tickets page', 'Ticket.interactions page'],
    ],
  },
  {
    query:
      'customers(first: $n) { nodes { tags addresses { line1 } summary { orderCount lifetimeValue { amount } } owner { name } } }',
    statements: [
      ...['Query.customers page', 'Customer.tags', 'Customer.addresses', 'CustomerSummary by id'],
      ...['CustomerSummary.lifetimeValue', 'Agent by id'],
    ],
  },
  {
    query:
      'customers(first: $n) { nodes { tickets(first: 2) { nodes { assignee { customers(first: 2) { nodes { changes(first: 2) { nodes { action } } } } } } } } }',
    statements: [
      ...[
        'Query.customers page',
        'Customer.tickets page',
        'Agent by id',
        'Agent.customers page',
        'Customer.changes page',
      ],
    ],
  },
  {
    query:
      'nodes(ids: $ids) { ... on Customer { interactions(first: 2) { nodes { ticket { assignee { email } } agent { name } } } } }',
    statements: ['Customer by id', 'Customer.interactions page', 'Ticket by id', 'Agent by id'],
  },
];

const CUSTOMERS = 100;
const n = Array.from({ length: CUSTOMERS }, (_, i) => i + 1);
const at = "'2024-01-01' + INTERVAL";

/** A hundred customers with some of everything, so that no level is empty for any of them. */
async function fillEvenly(url: string): Promise<void> {
  const rows = (row: (i: number) => string) => n.map((i) => `(${row(i)})`).join();
  await withConnection(url, async (sql) => {
    for (const statement of [
      `INSERT INTO agents (id, name, email, updated_at) VALUES ${rows((i) => `${i}, 'A${i}', 'a${i}@x.example', NOW()`)}`,
      `INSERT INTO products (id, sku, name, price, currency, updated_at) VALUES ${rows((i) => `${i}, 'S${i}', 'P${i}', 1, 'EUR', NOW()`)}`,
      `INSERT INTO customers (id, name, owner_id, created_at, updated_at) VALUES ${rows((i) => `${i}, 'C${i}', ${i}, ${at} ${i} HOUR, NOW()`)}`,
      `INSERT INTO customer_stats (customer_id, order_count) VALUES ${rows((i) => `${i}, 8`)}`,
      `INSERT INTO customer_values (customer_id, currency, amount) VALUES ${rows((i) => `${i}, 'EUR', ${i}`)}`,
      `INSERT INTO customer_tags (customer_id, tag, created_at, updated_at, name) VALUES ${rows((i) => `${i}, 't', ${at} ${i} HOUR, NOW(), 'C${i}'`)}`,
      `INSERT INTO customer_addresses (customer_id, position, line1) VALUES ${rows((i) => `${i}, 0, 'L'`)}`,
      `INSERT INTO customer_changes (customer_id, version, action, changes, occurred_at) VALUES ${rows((i) => `${i}, 1, 'CREATED', '[]', NOW()`)}`,
      `INSERT INTO orders (number, customer_id, currency, total, placed_at, updated_at) VALUES ${[
        1, 2, 3, 4, 5, 6, 7, 8,
      ]
        .map((k) => rows((i) => `'O${i}-${k}', ${i}, 'EUR', 1, ${at} ${i * k} HOUR, NOW()`))
        .join()}`,
      `INSERT INTO order_items (order_id, position, product_id, quantity, unit_price, total) SELECT id, 0, customer_id, 1, 1, 1 FROM orders`,
      `INSERT INTO tickets (id, number, customer_id, assignee_id, subject, opened_at, updated_at) VALUES ${rows((i) => `${i}, 'T${i}', ${i}, ${i}, 'S', ${at} ${i} HOUR, NOW()`)}`,
      `INSERT INTO interactions (customer_id, ticket_id, agent_id, kind, body, occurred_at) SELECT id, id, id, 'CALL', 'B', opened_at FROM tickets`,
    ])
      await sql.query(statement);
    // The queries below need no more, but each list has an entry for each of the first parents.
    for (const list of LISTS) {
      const [found] = await sql.query<{ rows: bigint }[]>(`SELECT COUNT(*) AS \`rows\` FROM ${list.table}`);
      if (found?.rows === 0n)
        await insertRows(
          sql,
          list,
          [10, 11, 20, 21].map((id) => ({ id, seed: id })),
        );
    }
  });
}

describe('the SQL statements of a query', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    await fillEvenly(database.url);
    gateway = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...ANY_COST } });
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });

  /** The statements of a query, and the length of its response. */
  async function statementsOf(query: string, parents: number) {
    const document = `query Q(${query.includes('$n') ? '$n: Int' : '$ids: [ID!]!'}) { ${query} }`;
    const variables = { n: parents, ids: n.slice(0, parents).map((id) => nodeId('Customer', id)) };
    let text = '';
    const statements = await gateway.statementsOf(async () => {
      text = JSON.stringify(await gateway.data(document, variables));
    });
    return { statements, size: text.length };
  }

  test('are one per level, for 1 parent and for 100', async () => {
    const figures: Record<string, string | number>[] = [];
    for (const { query, statements: expected } of QUERIES) {
      const one = await statementsOf(query, 1);
      const hundred = await statementsOf(query, CUSTOMERS);
      const wanted = Object.fromEntries(expected.map((name) => [name, 1]));
      expect({ query, statements: Object.fromEntries(one.statements) }).toEqual({ query, statements: wanted });
      expect({ query, statements: Object.fromEntries(hundred.statements) }).toEqual({ query, statements: wanted });
      expect(hundred.size).toBeGreaterThan(20 * one.size);
      const total = (of: ReadonlyMap<string, number>) => [...of.values()].reduce((sum, count) => sum + count, 0);
      figures.push({
        'for 1': total(one.statements),
        'for 100': total(hundred.statements),
        query: query.replaceAll(/\(.*?\)|\bnodes\b|\.\.\. on|[{}]/g, ' ').replaceAll(/\s+/g, ' '),
      });
    }
    printTable('SQL statements of a query, for 1 parent and for 100', figures);
  });

  test.each(LISTS.map((list) => [list.name, list] as const))(
    'for %s are a count only if totalCount is selected, a look-up only if hasPreviousPage is selected after a cursor, and no page for totalCount alone',
    async (name, list) => {
      const entries = list.type === 'Change' ? 'nodes { version }' : 'nodes { id }';
      const found = list.parent === undefined ? {} : { [`${list.parent.type} by id`]: 1 };
      const statements = async (selection: string, page: Record<string, unknown>) => {
        const document = listDocument(list, selection);
        const of = await gateway.statementsOf(() =>
          gateway.data(document, listVariables(list, { parents: [1, 2, 3], ...page })),
        );
        return Object.fromEntries(of);
      };
      const expected = (...kinds: string[]) => ({
        ...found,
        ...Object.fromEntries(kinds.map((kind) => [`${name} ${kind}`, 1])),
      });
      // A cursor belongs to one parent's list; here it is that of the only parent.
      const first = await gateway.data(
        listDocument(list, 'edges { cursor }'),
        listVariables(list, { parents: [1], first: 1 }),
      );
      const page = list.parent === undefined ? first[list.field] : first.nodes[0][list.field];
      const { cursor } = page.edges[0];
      const one = { parents: [1] };

      expect(await statements(entries, {})).toEqual(expected('page'));
      expect(await statements(`${entries} edges { cursor } pageInfo { startCursor endCursor }`, {})).toEqual(
        expected('page'),
      );
      expect(await statements('pageInfo { hasNextPage hasPreviousPage }', { first: 1 })).toEqual(expected('page'));
      expect(await statements('totalCount', {})).toEqual(expected('count'));
      expect(await statements('totalCount totalCountIsExact', { first: 5 })).toEqual(expected('count'));
      expect(await statements(`${entries} totalCount`, {})).toEqual(expected('page', 'count'));
      expect(await statements(entries, { ...one, after: cursor })).toEqual(expected('page'));
      expect(await statements('pageInfo { hasNextPage }', { ...one, after: cursor })).toEqual(expected('page'));
      expect(await statements('pageInfo { hasPreviousPage }', { ...one, after: cursor })).toEqual(
        expected('page', 'exists'),
      );
      expect(await statements('pageInfo { hasPreviousPage }', { ...one, before: cursor })).toEqual(expected('page'));
      expect(await statements('pageInfo { hasNextPage }', { ...one, before: cursor })).toEqual(
        expected('page', 'exists'),
      );
      expect(await statements('__typename', {})).toEqual(found);
    },
  );

  test('are shared by fields that select the same list of the same parents, whatever their aliases', async () => {
    const of = await gateway.statementsOf(() =>
      gateway.data(`{
        customers(first: 50) { nodes {
          a: orders(first: 2) { nodes { number } }
          b: orders(first: 2) { nodes { id status } totalCount }
          again: owner { name }
          owner { email }
        } }
      }`),
    );
    expect(Object.fromEntries(of)).toEqual({
      'Agent by id': 1,
      'Customer.orders count': 1,
      'Customer.orders page': 1,
      'Query.customers page': 1,
    });
  });

  test('for look-ups by key are one for all keys', async () => {
    const ids = n.map((id) => nodeId('Customer', id));
    const of = await gateway.statementsOf(() =>
      gateway.data(
        'query N($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { name } } again: nodes(ids: $ids) { id } }',
        {
          ids: [...ids.slice(50), ...ids.slice(0, 50)],
        },
      ),
    );
    expect([...of]).toEqual([['Customer by id', 1]]);
  });
});

test('A table that no type in the registry has is refused, rather than read without its columns', () => {
  const stray = defineTable({
    type: 'Stray',
    name: 'strays',
    columns: { id: key('id') },
    fields: {},
    indexes: [],
    uniques: [],
  });
  const { columnsOf } = analyse(createSchema(), parse('{ __typename }'));
  expect(() => columnsOf(stray)).toThrow('strays: no type in src/crm/registry.ts has this table');
});
