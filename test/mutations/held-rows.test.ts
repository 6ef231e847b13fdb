import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { query } from '../cli/table-contents.ts';
import { idOf } from './writing-gateway.ts';

/** One customer has most rows of each table, where a plan that is left to the server reads the whole table. */
const [BUSY, STRANGER] = [1, 2];

let database: TestDatabase;
let gateway: TestGateway;

beforeEach(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 60, ordersPerCustomer: 3, seed: 7 });
  const merges = Array.from({ length: 30 }, (_, i) => `(${1_000 + i}, ${BUSY}, '2026-01-01')`);
  await query(database.url, `INSERT INTO customer_merges (merged_id, kept_id, merged_at) VALUES ${merges.join()}`);
  for (const [table, key, column] of [
    ['orders', 'id', 'customer_id'],
    ['tickets', 'id', 'customer_id'],
    ['interactions', 'id', 'customer_id'],
    ['customer_merges', 'merged_id', 'kept_id'],
  ])
    await query(database.url, `UPDATE ${table} SET ${column} = IF(${key} % 10 < 6, ${BUSY}, ${STRANGER})`);
  // A write that has to wait for a row gives up after two seconds at a time.
  gateway = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, LIMIT_STATEMENT_MS: '3000' } });
});

afterEach(async () => {
  await gateway.close();
  await database.drop();
});

/** Does something while somebody else holds all rows of another customer in a table. */
async function whileHeld(rows: string, work: () => Promise<void>): Promise<void> {
  await withConnection(database.url, async (connection) => {
    await connection.beginTransaction();
    const held = await connection.query<unknown[]>(`SELECT * FROM ${rows} FOR UPDATE`);
    expect(held.length).toBeGreaterThan(0);
    await work();
    await connection.rollback();
  });
}

const HELD = [
  ['tickets', `tickets FORCE INDEX (tickets_customer_id_opened_at_id_idx) WHERE customer_id = ${STRANGER}`],
  ['orders', `orders FORCE INDEX (orders_customer_id_placed_at_id_idx) WHERE customer_id = ${STRANGER}`],
  ['lines of an order', 'order_items WHERE order_id = 9'],
  [
    'interactions',
    `interactions FORCE INDEX (interactions_customer_id_occurred_at_id_idx) WHERE customer_id = ${STRANGER}`,
  ],
  ['merges', `customer_merges FORCE INDEX (customer_merges_kept_id_idx) WHERE kept_id = ${STRANGER}`],
] as const;

test.each(HELD)("deleting a customer with most rows does not wait for another's %s", async (_, rows) => {
  await whileHeld(rows, async () => {
    const deleted = await gateway.request(
      'mutation($input: DeleteCustomerInput!) { deleteCustomer(input: $input) { userErrors { code } } }',
      { variables: { input: { id: idOf('Customer', BUSY) } } },
    );
    expect([deleted.data, deleted.errors]).toEqual([{ deleteCustomer: { userErrors: [] } }, []]);
  });
});
