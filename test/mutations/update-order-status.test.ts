import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { buildSchema, isEnumType } from 'graphql';
import { storedSummaries, recomputedSummaries } from './order-summaries.ts';
import {
  aMoment,
  customerOf,
  idOf,
  orderOf,
  rowOf,
  startWritingGateway,
  type WritingGateway,
} from './writing-gateway.ts';

let gateway: WritingGateway;
let customerId: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
  await gateway.sql(
    "INSERT INTO products (id, sku, name, price, currency, updated_at) VALUES (9001, 'own', 'Kettle', 12.5, 'EUR', NOW())",
  );
});

afterAll(() => gateway.close());

beforeEach(async () => {
  customerId = customerOf(await gateway.create({ name: 'Ada' })).id;
});

const place = async (unitPrice?: string, currency = 'EUR'): Promise<string> =>
  orderOf(await gateway.order({ customerId, currency, items: [{ product: { sku: 'own' }, quantity: 1, unitPrice }] }))
    .id;

/** The states that may follow each state according to the schema's descriptions. */
async function documentedTransitions(): Promise<ReadonlyMap<string, readonly string[]>> {
  const sdl = await (await fetch(`${gateway.url}/schema.graphql`)).text();
  const states = buildSchema(sdl).getType('OrderStatus');
  if (!isEnumType(states)) throw new Error('the schema has no OrderStatus');
  return new Map(
    states.getValues().map(({ name, description }) => {
      const next = /(?:Next: (.+)|Final)\.$/.exec(description ?? '');
      if (next === null) throw new Error(`${name} does not say what may follow it: ${description}`);
      return [name, [...(next[1] ?? '').matchAll(/`(\w+)`/g)].map(([, state = '']) => state)];
    }),
  );
}

/** Paths from PENDING, each to a different state. */
const WAYS = {
  PENDING: [],
  PAID: ['PAID'],
  SHIPPED: ['PAID', 'SHIPPED'],
  DELIVERED: ['PAID', 'SHIPPED', 'DELIVERED'],
  CANCELLED: ['CANCELLED'],
  REFUNDED: ['PAID', 'REFUNDED'],
} as const;

async function placeAs(from: keyof typeof WAYS): Promise<string> {
  const id = await place();
  for (const status of WAYS[from]) orderOf(await gateway.advance({ id, status }));
  return id;
}

describe('the status of an order', () => {
  test.each(Object.keys(WAYS) as (keyof typeof WAYS)[])(
    'can change from %s to those that the schema names, can stay the same, and can change to no other',
    async (from) => {
      const allowed = (await documentedTransitions()).get(from) ?? [];
      for (const status of Object.keys(WAYS)) {
        const id = await placeAs(from);
        const version = WAYS[from].length + 1;
        const before = await gateway.everything();
        const { order, userErrors } = await gateway.advance({ id, status });
        if (allowed.includes(status)) {
          expect([userErrors, order]).toEqual([[], expect.objectContaining({ id, status, version: version + 1 })]);
          continue;
        }
        const expected =
          allowed.length === 0
            ? `Expected no change of ${from}, which is final`
            : `Expected ${allowed.join(' or ')} after ${from}`;
        const message = `${expected}, got ${status}.`;
        expect(userErrors).toEqual(
          status === from ? [] : [{ code: 'INVALID_TRANSITION', message, path: ['input', 'status'] }],
        );
        expect(order).toMatchObject({ id, status: from, version });
        expect(await gateway.everything()).toEqual(before);
      }
    },
  );

  test('can be any of the existing states', async () => {
    expect([...(await documentedTransitions()).keys()]).toEqual(Object.keys(WAYS));
  });
});

test('the status, the version and the time are written, with an entry in the record of changes, and nothing else', async () => {
  const id = await place();
  const before = await gateway.everything();
  // The time differs from the previous one only after some time has passed.
  await aMoment();
  const answer = await gateway.advance({ id, status: 'PAID', expectedVersion: 1 });
  const number = orderOf(answer).number;
  expect(answer).toEqual({
    order: { id, number, status: 'PAID', version: 2, total: { amount: '12.50', currency: 'EUR' } },
    userErrors: [],
  });
  const after = await gateway.everything();
  const change = after['customer_changes']?.at(-1);
  const orders = before['orders']?.map((row) =>
    row['id'] === BigInt(rowOf(id)) ? { ...row, status: 'PAID', version: 2, updated_at: change?.['occurred_at'] } : row,
  );
  expect(change).toEqual({
    ...{ id: change?.['id'], customer_id: BigInt(rowOf(customerId)), subject_type: 'Order' },
    ...{ subject_id: BigInt(rowOf(id)), version: 2, action: 'UPDATED', actor: null },
    changes: '[{"field":"status","before":"PENDING","after":"PAID"}]',
    occurred_at: change?.['occurred_at'],
  });
  const [placed] = await gateway.sql('SELECT placed_at FROM orders WHERE id = ?', [rowOf(id)]);
  expect(Number(change?.['occurred_at'])).toBeGreaterThan(Number(placed?.['placed_at']));
  expect({ ...after, customer_changes: after['customer_changes']?.slice(0, -1) }).toEqual({ ...before, orders });
});

describe("the total of a customer's orders", () => {
  const valuesNow = () =>
    gateway.sql('SELECT currency, CAST(amount AS CHAR) AS amount FROM customer_values WHERE customer_id = ?', [
      rowOf(customerId),
    ]);

  test.each([
    ['cancelled', ['CANCELLED']],
    ['refunded', ['PAID', 'SHIPPED', 'DELIVERED', 'REFUNDED']],
  ])('is reduced by an order that is %s, which still counts as an order', async (_, ways) => {
    const id = await place('4.10');
    await place('0.9');
    for (const status of ways) await gateway.advance({ id, status });
    expect(await valuesNow()).toEqual([{ currency: 'EUR', amount: '0.9000' }]);
    const [stats] = await gateway.sql('SELECT order_count FROM customer_stats WHERE customer_id = ?', [
      rowOf(customerId),
    ]);
    expect(stats).toEqual({ order_count: 2 });
    expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
  });

  test('has no row for a currency in which no order counts any more, as in seeded data', async () => {
    const [only] = [await place('4.10', 'USD'), await place()];
    await gateway.advance({ id: only, status: 'CANCELLED' });
    expect(await valuesNow()).toEqual([{ currency: 'EUR', amount: '12.5000' }]);
    expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
  });

  test('is a row with zero for a currency in which only orders with a total of zero count', async () => {
    const [free, dear] = [await place('0'), await place('1')];
    await gateway.advance({ id: dear, status: 'CANCELLED' });
    expect(await valuesNow()).toEqual([{ currency: 'EUR', amount: '0.0000' }]);
    await gateway.advance({ id: free, status: 'CANCELLED' });
    expect(await valuesNow()).toEqual([]);
    expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
  });

  test('stays exact where a floating-point number would not be', async () => {
    const [small] = [await place('0.01'), await place('999999999999999.98')];
    await gateway.advance({ id: small, status: 'CANCELLED' });
    expect(await valuesNow()).toEqual([{ currency: 'EUR', amount: '999999999999999.9800' }]);
  });

  test('stays what the seed would have written for seeded orders', async () => {
    const orders = await gateway.sql("SELECT id, status FROM orders WHERE status IN ('PENDING', 'DELIVERED') LIMIT 60");
    for (const row of orders)
      orderOf(
        await gateway.advance({
          id: idOf('Order', row['id']),
          status: row['status'] === 'PENDING' ? 'CANCELLED' : 'REFUNDED',
        }),
      );
    expect(orders.length).toBe(60);
    expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
  });
});

test('expectedVersion accepts the current version and refuses any other, with the current order', async () => {
  const id = await place();
  expect(await gateway.advance({ id, status: 'PAID', expectedVersion: 1 })).toMatchObject({ order: { version: 2 } });
  const before = await gateway.everything();
  for (const status of ['SHIPPED', 'PAID', 'PENDING'])
    expect(await gateway.advance({ id, status, expectedVersion: 1 })).toMatchObject({
      order: { id, status: 'PAID', version: 2 },
      userErrors: [{ code: 'CONFLICT', message: 'Expected version 1, found 2.', path: ['input', 'expectedVersion'] }],
    });
  expect(await gateway.everything()).toEqual(before);
  expect(await gateway.advance({ id, status: 'SHIPPED', expectedVersion: null })).toMatchObject({
    order: { version: 3 },
  });
});

const notAnId = (id: string) => ['NOT_FOUND', 'id', `Expected the id of an Order, got "${id}".`] as const;
const key = (came: string | number) =>
  ['INVALID_INPUT', 'idempotencyKey', `Expected 1 to 255 characters, got ${came}.`] as const;
const version = (expected: number) =>
  ['CONFLICT', 'expectedVersion', `Expected version ${expected}, found 1.`] as const;

test.each([
  ...['', 'x', '42', idOf('Customer', 1), idOf('Order', 0), idOf('Order', 2n ** 63n)].map(
    (id) => [`the id "${id}"`, { id }, [notAnId(id)]] as const,
  ),
  [
    'an order that does not exist',
    { id: idOf('Order', 999_999) },
    [['NOT_FOUND', 'id', 'There is no such order.'] as const],
  ] as const,
  ...[0, -1, 2, 2 ** 31 - 1].map(
    (expected) => [`the version ${expected}`, { expectedVersion: expected }, [version(expected)]] as const,
  ),
  ['an empty key', { idempotencyKey: '' }, [key('none')]] as const,
  ['a key of 256 characters', { idempotencyKey: 'k'.repeat(256) }, [key(256)]] as const,
  ['a key with NUL', { idempotencyKey: 'a\0b' }, [key('ones that are not text')]] as const,
  ['several faults', { id: 'x', idempotencyKey: '' }, [notAnId('x'), key('none')]] as const,
])('%s is refused, and nothing is written', async (_, input, errors) => {
  const id = await place();
  const before = await gateway.everything();
  const { order, userErrors } = await gateway.advance({ id, status: 'PAID', ...input });
  const isFound = errors.every(([code]) => code !== 'NOT_FOUND');
  expect(order).toEqual(isFound ? expect.objectContaining({ id, status: 'PENDING', version: 1 }) : null);
  const expected = errors.map(([code, field, message]) => ({ code, message, path: ['input', field] }));
  expect(new Set(userErrors)).toEqual(new Set(expected));
  expect(await gateway.everything()).toEqual(before);
});

test('the same idempotencyKey changes an order once, and returns its current state', async () => {
  const id = await place();
  const input = { id, status: 'PAID', idempotencyKey: 'paid' };
  const first = await gateway.advance(input);
  await gateway.advance({ id, status: 'SHIPPED' });
  const before = await gateway.everything();
  expect(await gateway.advance(input)).toEqual({
    order: { ...orderOf(first), status: 'SHIPPED', version: 3 },
    userErrors: [],
  });
  expect(await gateway.everything()).toEqual(before);
});

test('a new status appears at once in results that were cached before', async () => {
  const id = await place();
  const query = `query($id: ID!, $c: ID!) { order(by: { id: $id }) { status }
    customer(by: { id: $c }) { orders(filter: { status: [CANCELLED] }) { totalCount } changes(first: 1) { nodes { nodeId } }
      summary { lifetimeValue { amount } } } }`;
  const variables = { id, c: customerId };
  await gateway.data(query, variables);
  expect((await gateway.request(query, { variables })).headers.get('x-cache')).toBe('HIT');
  await gateway.advance({ id, status: 'CANCELLED' });
  expect(await gateway.data(query, variables)).toEqual({
    order: { status: 'CANCELLED' },
    customer: { orders: { totalCount: 1 }, changes: { nodes: [{ nodeId: id }] }, summary: { lifetimeValue: [] } },
  });
});
