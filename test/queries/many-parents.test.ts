import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { lockTable } from '../faults/table-lock.ts';
import { ANY_COST, PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

// 30 agents have 100 tickets each, every ticket has a different customer, and every customer has 0 to 3 orders.
const AGENTS = 30;
const TICKETS = 100;
const customers = Array.from({ length: AGENTS * TICKETS }, (_, i) => i + 1);
const orders = customers.flatMap((customer) =>
  Array.from({ length: customer % 4 }, (_, n) => ({ customer, number: `O${customer}-${n}` })),
);

let database: TestDatabase;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createDatabase();
  await withConnection(database.url, async (sql) => {
    await sql.batch(
      'INSERT INTO agents (id, name, updated_at) VALUES (?, ?, NOW())',
      // The names make the order: agents are listed by name.
      Array.from({ length: AGENTS }, (_, i) => [i + 1, `A${100 + i}`]),
    );
    await sql.batch(
      'INSERT INTO customers (id, name, updated_at) VALUES (?, ?, NOW())',
      customers.map((id) => [id, `C${id}`]),
    );
    await sql.batch(
      `INSERT INTO tickets (id, number, customer_id, assignee_id, subject, opened_at, updated_at)
       VALUES (?, ?, ?, ?, 'S', '2024-01-01', NOW())`,
      customers.map((id) => [id, `T${id}`, id, Math.ceil(id / TICKETS)]),
    );
    await sql.batch(
      `INSERT INTO orders (number, customer_id, total, currency, placed_at, updated_at)
       VALUES (?, ?, 1, 'EUR', '2024-01-01', NOW())`,
      orders.map(({ number, customer }) => [number, customer]),
    );
  });
  gateway = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...ANY_COST } });
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

/** The customers of the first agents' tickets, in the order of the result. */
async function ask(agents: number, selection: string): Promise<Readonly<Record<string, unknown>>[]> {
  const data = await gateway.data(
    `{ agents(first: ${agents}) { nodes {
      tickets(first: ${TICKETS}, orderBy: { field: OPENED_AT, direction: ASC }) { nodes { customer { ${selection} } } }
    } } }`,
  );
  return data.agents.nodes.flatMap(({ tickets }: { tickets: { nodes: { customer: object }[] } }) =>
    tickets.nodes.map(({ customer }) => customer),
  );
}

const ordersOf = (customer: number) =>
  orders.filter((order) => order.customer === customer).map(({ number }) => ({ number }));

describe('a level of the query with more keys or parents than fit in one statement', () => {
  test('takes one statement per 1,000 keys, and the rows are complete and in order', async () => {
    const statements = await gateway.statementsOf(async () => {
      expect(await ask(AGENTS, 'name')).toEqual(customers.map((id) => ({ name: `C${id}` })));
    });
    expect(Object.fromEntries(statements)).toEqual({
      'Query.agents page': 1,
      'Agent.tickets page': 1,
      'Customer by id': 3,
    });
  });

  test.each([
    [1, 1],
    [2, 2],
    [4, 4],
    [12, 10],
  ])('takes one statement per 128 parents: %i agents with 100 customers each take %i', async (agents, count) => {
    const list = 'orders(first: 3, orderBy: { field: PLACED_AT, direction: ASC })';
    const selection = `name ${list} { totalCount nodes { number } }`;
    const statements = await gateway.statementsOf(async () => {
      expect(await ask(agents, selection)).toEqual(
        customers.slice(0, agents * TICKETS).map((id) => {
          const nodes = ordersOf(id);
          return { name: `C${id}`, orders: { totalCount: nodes.length, nodes } };
        }),
      );
    });
    expect(statements.get('Customer.orders page')).toBe(count);
    expect(statements.get('Customer.orders count')).toBe(count);
  });

  test('sends its statements at the same time', async () => {
    const lock = await lockTable(database.url, 'orders');
    const answer = ask(4, 'orders(first: 1) { nodes { id } }');
    try {
      await lock.waiting(4);
    } finally {
      await lock.release();
    }
    expect(await answer).toHaveLength(4 * TICKETS);
  });
});
