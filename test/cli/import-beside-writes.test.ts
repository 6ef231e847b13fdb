import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Connection } from 'mariadb';
import { verifyDatabase } from '../../src/data/verify/verify-database.ts';
import { untilWaiting } from '../mutations/writing-gateway.ts';
import { withConnection } from '../support/servers.ts';
import {
  cleanUpImports,
  customers,
  folderOf,
  freshDatabase,
  importFrom,
  mappingOf,
  orderItems,
  orders,
  products,
} from './import-run.ts';

const tickets = { number: 'no', customer: 'customer', subject: 'no', openedAt: { constant: '2024-01-01' } };
const FILES = {
  'customers.csv': 'id,name,email\n1,Ann,\n2,Bob,\n3,Cat,\n',
  'products.csv': 'sku,price\nP,1.50\n',
  'orders.csv': 'no,customer\nO1,1\n',
  'tickets.csv': 'no,customer\nT1,1\n',
};

let url: string;

beforeEach(async () => {
  url = await freshDatabase();
  await importFrom(url, await folderOf(FILES), mappingOf({ customers, products, orders, tickets }));
});

afterEach(cleanUpImports);

const lock = (connection: Connection, customer: string) =>
  connection.query('SELECT id FROM customers WHERE id IN (SELECT id FROM customers WHERE external_id = ?) FOR UPDATE', [
    customer,
  ]);

/** Writes an order and a ticket for a customer that is locked, as a gateway does. */
async function write(connection: Connection, customer: string): Promise<void> {
  await connection.query(
    `INSERT INTO orders (number, customer_id, status, currency, total, placed_at, updated_at)
     SELECT 'O9', id, 'CANCELLED', 'EUR', 0, '2024-01-09', '2024-01-09' FROM customers WHERE external_id = ?`,
    [customer],
  );
  await connection.query(
    `INSERT INTO tickets (number, customer_id, subject, opened_at, updated_at)
     SELECT 'T9', id, 'x', '2024-01-09', '2024-01-09' FROM customers WHERE external_id = ?`,
    [customer],
  );
  await connection.query(
    `UPDATE customer_stats SET order_count = order_count + 1, open_ticket_count = open_ticket_count + 1,
       last_order_at = '2024-01-09' WHERE customer_id = (SELECT id FROM customers WHERE external_id = ?)`,
    [customer],
  );
}

/** Expects the import to wait for a customer's row. */
const expectWaiting = async (importing: Promise<unknown>): Promise<void> =>
  expect(await Promise.race([importing, untilWaiting(1, { databaseUrl: url }).then(() => 'it waits')])).toBe(
    'it waits',
  );

const drifts = async () => (await verifyDatabase({ databaseUrl: url })).drifts;

test.each([
  ['order lines alone', { 'orderItems.csv': 'no,sku,pieces,price\nO1,P,4,1.50\n' }, { orderItems }],
  ['an order that moves to another customer', { 'orders.csv': 'no,customer\nO1,2\n' }, { orders }],
  ['a ticket that moves to another customer', { 'tickets.csv': 'no,customer\nT1,2\n' }, { tickets }],
])(
  'an import of %s waits for writers that have locked the owner, and counts what they have written',
  async (...given) => {
    const [, files, targets] = given;
    const folder = await folderOf(files);
    const { exitCode } = await withConnection(url, async (connection) => {
      await connection.beginTransaction();
      await lock(connection, '1');
      await write(connection, '1');
      const importing = importFrom(url, folder, mappingOf(targets));
      await expectWaiting(importing);
      await connection.commit();
      return importing;
    });
    expect([exitCode, await drifts()]).toEqual([0, []]);
  },
);

test('an import waits for the new owner of an order that moves while it waits for the old one', async () => {
  const folder = await folderOf({ 'orderItems.csv': 'no,sku,pieces,price\nO1,P,4,1.50\n' });
  const { exitCode } = await withConnection(url, (mover) =>
    withConnection(url, async (writer) => {
      await mover.beginTransaction();
      await lock(mover, '1');
      await lock(mover, '3');
      for (const table of ['orders', 'customer_values'])
        await mover.query(`UPDATE ${table} SET customer_id = (SELECT id FROM customers WHERE external_id = '3')`);
      // The new owner's are recomputed by the import.
      await mover.query('UPDATE customer_stats SET order_count = 0, last_order_at = NULL');
      const importing = importFrom(url, folder, mappingOf({ orderItems }));
      await expectWaiting(importing);
      await writer.beginTransaction();
      const locked = lock(writer, '3');
      await untilWaiting(2, { databaseUrl: url });
      await mover.commit();
      await locked;
      await write(writer, '3');
      await expectWaiting(importing);
      await writer.commit();
      return importing;
    }),
  );
  expect([exitCode, await drifts()]).toEqual([0, []]);
});
