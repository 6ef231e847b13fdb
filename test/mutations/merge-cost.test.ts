import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { contradictions, query } from '../cli/table-contents.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { measured } from '../support/patience.ts';
import { printTable } from '../support/print-table.ts';
import { createCountedDatabase } from '../support/counted-database.ts';
import { openRowsReader, type RowsReader } from '../support/rows-read.ts';
import { nodeId } from '../support/seeded.ts';

const CUSTOMERS = 300;
const ORDERS = 5_000;
/** Only the second of these customers has many orders. */
const [KEPT, MANY, FEW] = [1, 2, 3];

let databaseUrl: string;
let gateway: TestGateway;
let reader: RowsReader;
let drop: () => Promise<void>;

beforeAll(async () => {
  ({ url: databaseUrl, drop } = await createCountedDatabase());
  await seedDatabase({ databaseUrl, customers: CUSTOMERS, ordersPerCustomer: 5, seed: 7 });
  await query(databaseUrl, 'DELETE FROM orders WHERE customer_id = ?', [MANY]);
  await query(databaseUrl, 'DELETE FROM order_items WHERE order_id NOT IN (SELECT id FROM orders)');
  const rows = Array.from({ length: ORDERS }, (_, i) => `('M-${i}', ${MANY}, 'EUR', 0, '2026-01-01', '2026-01-01')`);
  await query(
    databaseUrl,
    `INSERT INTO orders (number, customer_id, currency, total, placed_at, updated_at) VALUES ${rows.join()}`,
  );
  await query(databaseUrl, 'DELETE FROM customer_values WHERE customer_id = ?', [MANY]);
  await query(databaseUrl, "INSERT INTO customer_values VALUES (?, 'EUR', 0)", [MANY]);
  await query(
    databaseUrl,
    "UPDATE customer_stats SET order_count = ?, last_order_at = '2026-01-01' WHERE customer_id = ?",
    [ORDERS, MANY],
  );
  expect(await contradictions(databaseUrl)).toEqual([]);
  gateway = await startGateway({ databaseUrl, settings: PATIENT });
  reader = await openRowsReader(databaseUrl);
});

afterAll(async () => {
  await reader.close();
  await gateway.close();
  await drop();
});

/** The cost of merging a customer into the kept one: statements, rows that the server reads, time. */
async function costOf(merged: number) {
  const input = { keepId: nodeId('Customer', KEPT), mergeId: nodeId('Customer', merged) };
  const mutation = `mutation($input: MergeCustomersInput!) { mergeCustomers(input: $input) { userErrors { code } } }`;
  const [{ moved } = {}] = await query(databaseUrl, 'SELECT COUNT(*) AS moved FROM orders WHERE customer_id = ?', [
    merged,
  ]);
  let [milliseconds, statements] = [0, 0];
  const rowsRead = await reader.rowsRead(async () => {
    const counted = await gateway.statementsOf(async () => {
      const { result, tookMs } = await measured(() => gateway.data(mutation, { input }));
      expect(result).toEqual({ mergeCustomers: { userErrors: [] } });
      milliseconds = Math.round(tookMs);
    });
    expect([...counted.keys()]).toEqual(['write']);
    statements = counted.get('write') ?? 0;
  });
  return { orders: Number(moved), statements, 'rows read': rowsRead, milliseconds };
}

test('a merge takes no more statements for thousands of orders than for a few, and reads no rows of other customers', async () => {
  const few = await costOf(FEW);
  const many = await costOf(MANY);
  printTable('What a merge costs', [few, many]);
  expect(few.orders).toBeLessThan(20);
  expect(many.orders).toBe(ORDERS);
  expect(many.statements).toBeLessThanOrEqual(few.statements);
  // Some rows of each table, and no complete table.
  expect(few['rows read']).toBeLessThan(CUSTOMERS);
  // Each index entry leads to a row, and both are read again to be changed.
  expect(many['rows read']).toBeLessThan(4 * ORDERS + CUSTOMERS);
  expect(await contradictions(databaseUrl)).toEqual([]);
  const [stats] = await query(databaseUrl, 'SELECT order_count FROM customer_stats WHERE customer_id = ?', [KEPT]);
  expect(Number(stats?.['order_count'])).toBeGreaterThanOrEqual(ORDERS + few.orders);
});
