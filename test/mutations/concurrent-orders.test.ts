import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TestGateway } from '../support/gateway.ts';
import { withConnection } from '../support/servers.ts';
import { storedSummaries, recomputedSummaries } from './order-summaries.ts';
import { codes, times } from './at-once.ts';
import {
  customerOf,
  idOf,
  orderMutations,
  orderOf,
  rowOf,
  startCachingGateway,
  startWritingGateway,
  untilWaiting,
  type WritingGateway,
  type WrittenOrder,
} from './writing-gateway.ts';

let gateway: WritingGateway;
let other: TestGateway;
let customerId: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
  other = await startCachingGateway(gateway.databaseUrl);
  await gateway.sql(
    "INSERT INTO products (id, sku, name, price, currency, updated_at) VALUES (9001, 'own', 'Kettle', 12.5, 'EUR', NOW())",
  );
});

afterAll(async () => {
  await other.close();
  await gateway.close();
});

beforeEach(async () => {
  customerId = customerOf(await gateway.create({ name: 'Busy' })).id;
});

/** Alternates between the gateways. */
const by = (i: number) => (i % 2 === 0 ? gateway : orderMutations(other));
const one = { product: { sku: 'own' }, quantity: 1 };
const place = (i: number): Promise<WrittenOrder> =>
  by(i).order({
    ...{ customerId, currency: ['EUR', 'USD', 'JPY'][i % 3] },
    items: [{ ...one, unitPrice: `${i}.25` }],
    placedAt: `2026-01-01T00:00:${String((i * 7) % 60).padStart(2, '0')}Z`,
  });

test("30 concurrent orders of a customer through two gateways, some of them cancelled, leave the customer's summary correct", async () => {
  const answers = await times(30, async (i) => {
    const order = orderOf(await place(i));
    // By the other gateway.
    return i % 3 === 1 ? by(i + 1).advance({ id: order.id, status: 'CANCELLED' }) : { order, userErrors: [] };
  });
  expect(answers.map(({ userErrors }) => userErrors)).toEqual(Array.from({ length: 30 }, () => []));
  const kept = await storedSummaries(gateway);
  expect(kept).toEqual(await recomputedSummaries(gateway));
  const id = BigInt(rowOf(customerId));
  expect(kept.stats.find((row) => row['customer_id'] === id)).toMatchObject({
    ...{ orders: '30', last: new Date('2026-01-01T00:00:59Z') },
  });
  // Every third order was in USD, and cancelled.
  expect(kept.values.filter((row) => row['customer_id'] === id)).toEqual([
    { customer_id: id, currency: 'EUR', amount: '137.5000' },
    { customer_id: id, currency: 'JPY', amount: '155.0000' },
  ]);
  const changes = await gateway.sql(
    "SELECT action FROM customer_changes WHERE customer_id = ? AND subject_type = 'Order'",
    [rowOf(customerId)],
  );
  expect(changes.length).toBe(40);
});

test('of two updates with the same expectedVersion, one succeeds, and the other is refused and gets the current state', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { id } = orderOf(await place(round));
    const answers = await times(2, (i) =>
      by(i).advance({ id, status: i === 0 ? 'PAID' : 'CANCELLED', expectedVersion: 1 }),
    );
    expect(codes(answers)).toEqual(['CONFLICT', undefined]);
    const winner = answers.find(({ userErrors }) => userErrors.length === 0);
    const [row] = await gateway.sql('SELECT status, version FROM orders WHERE id = ?', [rowOf(id)]);
    expect(row).toEqual({ status: winner?.order?.status, version: 2 });
    for (const { order } of answers) expect(order).toMatchObject({ id, ...row });
  }
});

test('an order that is cancelled many times at the same time is subtracted once', async () => {
  const [{ id }] = [orderOf(await place(4)), orderOf(await place(4))];
  const answers = await times(8, (i) => by(i).advance({ id, status: 'CANCELLED' }));
  for (const { order, userErrors } of answers)
    expect([order, userErrors]).toEqual([expect.objectContaining({ status: 'CANCELLED', version: 2 }), []]);
  expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
});

test('of many concurrent orders with the same number, one is created', async () => {
  const answers = await times(8, (i) =>
    by(i).order({ customerId: idOf('Customer', i + 1), currency: 'EUR', items: [one], number: 'WANTED' }),
  );
  expect(codes(answers)).toEqual([...Array.from({ length: 7 }, () => 'ALREADY_EXISTS'), undefined]);
  expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
});

test('many concurrent requests with the same idempotencyKey create one order', async () => {
  const input = { customerId, currency: 'EUR', items: [one], idempotencyKey: 'herd' };
  const answers = await times(8, (i) => by(i).order(input));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
});

test('while the customer is deleted, orders are created before the deletion or not at all', async () => {
  const { id } = orderOf(await place(0));
  const [, ...answers] = await Promise.all([
    gateway.remove({ id: customerId }),
    ...Array.from({ length: 4 }, (_, i) => place(i)),
    ...Array.from({ length: 2 }, (_, i) => by(i).advance({ id, status: 'PAID' })),
  ]);
  const told = answers.flatMap((answer) => answer.userErrors.map(({ code, message }) => `${code} ${message}`));
  expect(['NOT_FOUND There is no such customer.', 'NOT_FOUND There is no such order.']).toEqual(
    expect.arrayContaining([...new Set(told)]),
  );
  for (const table of ['orders', 'customer_stats', 'customer_values'])
    expect(await gateway.sql(`SELECT * FROM ${table} WHERE customer_id = ?`, [rowOf(customerId)])).toEqual([]);
  expect(await gateway.sql('SELECT * FROM order_items WHERE order_id NOT IN (SELECT id FROM orders)')).toEqual([]);
});

describe('an order that is moved to another customer while its status is about to change', () => {
  /** Changes the status while the customer is locked, moves the order meanwhile, then releases the lock. */
  async function moveMeanwhile(id: string, statements: readonly string[]): Promise<WrittenOrder> {
    return withConnection(gateway.databaseUrl, async (connection) => {
      await connection.beginTransaction();
      await connection.query('SELECT id FROM customers WHERE id = ? FOR UPDATE', [rowOf(customerId)]);
      const waiting = gateway.advance({ id, status: 'CANCELLED' });
      await untilWaiting(1, gateway);
      for (const statement of statements) await connection.query(statement);
      await connection.commit();
      return waiting;
    });
  }

  const changesOf = (customer: number) =>
    gateway.sql(
      "SELECT version, action FROM customer_changes WHERE customer_id = ? AND subject_type = 'Order' ORDER BY id",
      [customer],
    );

  test('by a merge of its customer still gets the new status', async () => {
    const [{ id }, kept] = [orderOf(await place(1)), rowOf(customerOf(await gateway.create({ name: 'Kept' })).id)];
    const merged = rowOf(customerId);
    const answer = await moveMeanwhile(id, [
      `UPDATE orders SET customer_id = ${kept} WHERE customer_id = ${merged}`,
      `UPDATE customer_values SET customer_id = ${kept} WHERE customer_id = ${merged}`,
      `DELETE FROM customer_stats WHERE customer_id = ${kept}`,
      `UPDATE customer_stats SET customer_id = ${kept} WHERE customer_id = ${merged}`,
      `INSERT INTO customer_merges (merged_id, kept_id, merged_at) VALUES (${merged}, ${kept}, NOW())`,
      `DELETE FROM customers WHERE id = ${merged}`,
    ]);
    expect(answer).toMatchObject({ order: { id, status: 'CANCELLED', version: 2 }, userErrors: [] });
    expect(await changesOf(kept)).toEqual([{ version: 2, action: 'UPDATED' }]);
    expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
  });

  test('on its own still gets the new status', async () => {
    const [{ id }, taker] = [orderOf(await place(1)), rowOf(customerOf(await gateway.create({ name: 'Taker' })).id)];
    const loser = rowOf(customerId);
    const answer = await moveMeanwhile(id, [
      `UPDATE orders SET customer_id = ${taker} WHERE id = ${rowOf(id)}`,
      `UPDATE customer_values SET customer_id = ${taker} WHERE customer_id = ${loser}`,
      `UPDATE customer_stats SET order_count = 0, last_order_at = NULL WHERE customer_id = ${loser}`,
      `UPDATE customer_stats SET order_count = 1, last_order_at = '2026-01-01 00:00:07' WHERE customer_id = ${taker}`,
    ]);
    expect(answer).toMatchObject({ order: { id, status: 'CANCELLED', version: 2 }, userErrors: [] });
    expect(await changesOf(taker)).toEqual([{ version: 2, action: 'UPDATED' }]);
    expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
  });
});
