import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { array, assert, asyncProperty, constantFrom, integer, record } from 'fast-check';
import { storedSummaries, recomputedSummaries } from './order-summaries.ts';
import { customerOf, idOf, orderOf, rowOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;
let customerId: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
  await gateway.sql(
    `INSERT INTO products (id, sku, name, price, currency, updated_at) VALUES
     (9001, 'own-eur', 'Kettle', 19.9900, 'EUR', NOW()), (9002, 'own-jpy', 'Teapot', 1250, 'JPY', NOW())`,
  );
});

afterAll(() => gateway.close());

beforeEach(async () => {
  customerId = customerOf(await gateway.create({ name: 'Ada' })).id;
});

const kettle = { product: { sku: 'own-eur' }, quantity: 1 };
const order = (more: object = {}) => gateway.order({ customerId, currency: 'EUR', items: [kettle], ...more });

test('an order, its items, its entry in the record of changes and the summary are written, and nothing else', async () => {
  const before = await gateway.everything();
  const items = [
    { product: { sku: 'own-eur' }, quantity: 3, discount: '0.05' },
    { product: { id: idOf('Product', 9002) }, quantity: 1, unitPrice: '7.5' },
    // Blanks around a key do not count.
    { product: { sku: ' own-eur\t' }, quantity: 1, unitPrice: '0.005' },
    { product: { id: idOf('Product', 9001) }, quantity: 1_000_000, discount: 1 },
  ];
  const begun = Date.now();
  const answer = await order({ number: ' WEB-7 ', items, placedAt: '2026-03-01T12:00:00.5+02:00' });
  const { id } = orderOf(answer);
  expect(answer).toEqual({
    order: { id, number: 'WEB-7', status: 'PENDING', version: 1, total: { amount: '64.48', currency: 'EUR' } },
    userErrors: [],
  });
  const after = await gateway.everything();
  const [orderId, customer, placedAt] = [BigInt(rowOf(id)), BigInt(rowOf(customerId)), '2026-03-01T10:00:00.500Z'];
  const row = after['orders']?.find((candidate) => candidate['id'] === orderId);
  const change = after['customer_changes']?.at(-1);
  // By the database's clock.
  expect(Number(row?.['updated_at'])).toBeGreaterThan(begun - 10_000);
  expect(Number(row?.['updated_at'])).toBeLessThan(Date.now() + 10_000);
  expect(row).toEqual({
    ...{ id: orderId, number: 'WEB-7', customer_id: customer, status: 'PENDING', currency: 'EUR', total: '64.4800' },
    ...{ placed_at: new Date(placedAt), updated_at: change?.['occurred_at'], version: 1 },
  });
  const lines = [
    [9001n, 3, '19.9900', '0.0500', '56.9700'],
    [9002n, 1, '7.5000', '0.0000', '7.5000'],
    [9001n, 1, '0.0050', '0.0000', '0.0100'],
    [9001n, 1_000_000, '19.9900', '1.0000', '0.0000'],
  ].map(([product_id, quantity, unit_price, discount, total], position) => ({
    ...{ order_id: orderId, position, product_id, quantity, unit_price, discount, total },
  }));
  expect(after['order_items']?.filter((item) => item['order_id'] === orderId)).toEqual(lines);
  expect(change).toEqual({
    ...{ id: change?.['id'], customer_id: customer, subject_type: 'Order', subject_id: orderId, version: 1 },
    ...{ action: 'CREATED', actor: null, occurred_at: row?.['updated_at'] },
    changes: JSON.stringify(
      Object.entries({
        ...{ number: 'WEB-7', status: 'PENDING', currency: 'EUR', items: '4', total: '64.48', placedAt },
      }).map(([field, value]) => ({ field, before: null, after: value })),
    ),
  });
  const stats = { customer_id: customer, order_count: 1, open_ticket_count: 0, last_order_at: new Date(placedAt) };
  expect(after['customer_stats']?.find((of) => of['customer_id'] === customer)).toEqual(stats);
  const value = { customer_id: customer, currency: 'EUR', amount: '64.4800' };
  expect(after['customer_values']?.find((of) => of['customer_id'] === customer)).toEqual(value);
  const without = (table: string, key: string, gone: bigint) => after[table]?.filter((of) => of[key] !== gone);
  expect({
    ...after,
    orders: without('orders', 'id', orderId),
    order_items: without('order_items', 'order_id', orderId),
    customer_changes: after['customer_changes']?.slice(0, -1),
    customer_values: without('customer_values', 'customer_id', customer),
    customer_stats: [
      ...(without('customer_stats', 'customer_id', customer) ?? []),
      { ...stats, order_count: 0, last_order_at: null },
    ],
  }).toEqual(before);
});

test('the mutation returns the order as queries do, including its items', async () => {
  const items = [{ ...kettle, quantity: 2, discount: '0.1' }];
  const fields = `number status version placedAt updatedAt total { amount } customer { name summary { orderCount } }
    items { quantity discount unitPrice { amount } total { amount currency } product { sku } }`;
  const { createOrder } = await gateway.data(
    `mutation($input: CreateOrderInput!) { createOrder(input: $input) { order { id ${fields} } userErrors { code } } }`,
    { input: { customerId, currency: 'EUR', items, number: 'WEB-8' } },
  );
  const { id, ...shown } = createOrder.order;
  expect(shown).toEqual({
    ...{ number: 'WEB-8', status: 'PENDING', version: 1, total: { amount: '35.98' } },
    ...{ placedAt: shown.updatedAt, updatedAt: shown.updatedAt },
    customer: { name: 'Ada', summary: { orderCount: 1 } },
    items: [
      {
        ...{ quantity: 2, discount: '0.1', unitPrice: { amount: '19.99' } },
        ...{ total: { amount: '35.98', currency: 'EUR' }, product: { sku: 'own-eur' } },
      },
    ],
  });
  expect(await gateway.data(`query($id: ID!) { order(by: { id: $id }) { ${fields} } }`, { id })).toEqual({
    order: shown,
  });
});

test('without a number, one is generated from the day of the order and eight letters or digits', async () => {
  const numbers = [
    orderOf(await order({ placedAt: '2024-02-29T23:59:59Z' })).number,
    orderOf(await order({ number: null, placedAt: '2024-03-01T00:30:00+02:00' })).number,
  ];
  for (const number of numbers) expect(number).toMatch(/^SO-240229-[0-9A-HJKMNP-TV-Z]{8}$/);
  expect(new Set(numbers).size).toBe(2);
});

test('if another order has the generated number, the next one is used', async () => {
  const draws = [0, 0, 32, 31, 31, 30];
  const random = jest.spyOn(crypto, 'getRandomValues').mockImplementation((bytes) => {
    if (bytes instanceof Uint8Array) bytes.fill(draws.shift() ?? 1);
    return bytes;
  });
  try {
    const placedAt = '2025-01-02T00:00:00Z';
    const keyed = { placedAt, idempotencyKey: 'collision' };
    expect(orderOf(await order({ placedAt })).number).toBe('SO-250102-00000000');
    expect(orderOf(await order(keyed)).number).toBe('SO-250102-ZZZZZZZZ');
    expect(orderOf(await order(keyed)).number).toBe('SO-250102-ZZZZZZZZ');
    expect(orderOf(await order({ placedAt })).number).toBe('SO-250102-YYYYYYYY');
    expect(draws).toEqual([]);
  } finally {
    random.mockRestore();
  }
  expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
});

test('a given number that another order has is refused, and nothing is written', async () => {
  await order({ number: 'WEB-9' });
  const before = await gateway.everything();
  expect(await order({ number: 'WEB-9' })).toEqual({
    order: null,
    userErrors: [{ code: 'ALREADY_EXISTS', message: 'An order has this number already.', path: ['input', 'number'] }],
  });
  expect(await gateway.everything()).toEqual(before);
});

test('lastOrderAt is the time of the order that was placed last, whatever is recorded after it', async () => {
  for (const day of ['10', '20', '15']) await order({ placedAt: `2026-01-${day}T00:00:00Z` });
  const [stats] = await gateway.sql('SELECT * FROM customer_stats WHERE customer_id = ?', [rowOf(customerId)]);
  expect(stats).toMatchObject({ order_count: 3, last_order_at: new Date('2026-01-20T00:00:00Z') });
});

test('a customer without statistics, as other programs may write it, gets them', async () => {
  await order();
  await order({ currency: 'JPY', items: [{ product: { sku: 'own-jpy' }, quantity: 2 }] });
  for (const table of ['customer_stats', 'customer_values'])
    await gateway.sql(`DELETE FROM ${table} WHERE customer_id = ?`, [rowOf(customerId)]);
  await order();
  expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
});

test('the sums of a currency are exact to the last digit that can be stored, and refused beyond that', async () => {
  const big = { ...kettle, quantity: 1, unitPrice: '499999999999999.99' };
  for (let i = 0; i < 2; i += 1) expect((await order({ items: [big] })).userErrors).toEqual([]);
  await order({ items: [{ ...kettle, unitPrice: '0.01' }] });
  const value = 'SELECT CAST(amount AS CHAR) AS amount FROM customer_values WHERE customer_id = ?';
  expect(await gateway.sql(value, [rowOf(customerId)])).toEqual([{ amount: '999999999999999.9900' }]);
  const before = await gateway.everything();
  expect(await order({ items: [{ ...kettle, unitPrice: '0.01' }] })).toEqual({
    order: null,
    userErrors: [
      {
        code: 'INVALID_INPUT',
        message:
          'Expected orders of this customer with a sum of at most 999999999999999.9999 EUR, got 1000000000000000.0000.',
        path: ['input', 'items'],
      },
    ],
  });
  expect(await gateway.everything()).toEqual(before);
  expect((await order({ currency: 'USD', items: [big] })).userErrors).toEqual([]);
});

test('200 items need as many statements as one', async () => {
  const statements = (count: number) =>
    gateway.statementsOf(() =>
      order({
        items: Array.from({ length: count }, (_, i) =>
          i % 2 === 0 ? kettle : { ...kettle, product: { id: idOf('Product', 9001) } },
        ),
      }),
    );
  const few = await statements(1);
  expect(await statements(200)).toEqual(few);
  expect(few.get('write')).toBeLessThanOrEqual(16);
});

test('every total of an item and of an order is what the database server calculates, too', async () => {
  const digits = { EUR: 2, JPY: 0, KWD: 3 } as const;
  const decimal = (most: number) =>
    integer({ min: 0, max: most }).map((n) => `${Math.floor(n / 10_000)}.${String(n % 10_000).padStart(4, '0')}`);
  const item = record({
    product: constantFrom({ sku: 'own-eur' }, { id: idOf('Product', 9002) }),
    quantity: integer({ min: 1, max: 1_000_000 }),
    unitPrice: decimal(10 ** 10),
    discount: decimal(10_000),
  });
  const currency = constantFrom(...(['EUR', 'JPY', 'KWD'] as const));
  await assert(
    asyncProperty(currency, array(item, { minLength: 1, maxLength: 8 }), async (of, items) => {
      const id = rowOf(orderOf(await order({ currency: of, items })).id);
      const rows = await gateway.sql(
        `SELECT CAST(i.total = ROUND(i.quantity * i.unit_price * (1 - i.discount), ?) AS CHAR) AS is_right
         FROM order_items AS i WHERE i.order_id = ?
         UNION ALL SELECT CAST(o.total = SUM(i.total) AS CHAR) FROM orders AS o JOIN order_items AS i ON i.order_id = o.id
         WHERE o.id = ? GROUP BY o.id, o.total`,
        [digits[of], id, id],
      );
      expect(rows).toEqual(Array.from({ length: items.length + 1 }, () => ({ is_right: '1' })));
    }),
    { numRuns: 40 },
  );
  expect(await storedSummaries(gateway)).toEqual(await recomputedSummaries(gateway));
});

test('the same idempotencyKey creates one order, and returns it again', async () => {
  const input = { idempotencyKey: 'once', items: [kettle, kettle] };
  const first = await order(input);
  const before = await gateway.everything();
  expect(await order(input)).toEqual(first);
  expect(await gateway.everything()).toEqual(before);
  expect((await order({ ...input, items: [kettle] })).userErrors.map(({ code }) => code)).toEqual([
    'IDEMPOTENCY_KEY_REUSED',
  ]);
});

test('a new order appears at once in lists and statistics that were cached before', async () => {
  const query = `query($id: ID!) { orders { totalCount } customer(by: { id: $id }) {
    orders { totalCount } changes { totalCount } summary { orderCount lifetimeValue { amount } } } }`;
  const summary = 'query($id: ID!) { customer(by: { id: $id }) { summary { orderCount } } }';
  const [variables, counts] = [{ id: customerId }, await gateway.data(query, { id: customerId })];
  await gateway.data(summary, variables);
  for (const cached of [query, summary])
    expect((await gateway.request(cached, { variables })).headers.get('x-cache')).toBe('HIT');
  await order();
  expect(await gateway.data(query, variables)).toEqual({
    orders: { totalCount: counts.orders.totalCount + 1 },
    customer: {
      orders: { totalCount: 1 },
      changes: { totalCount: 2 },
      summary: { orderCount: 1, lifetimeValue: [{ amount: '19.99' }] },
    },
  });
  expect(await gateway.data(summary, variables)).toEqual({ customer: { summary: { orderCount: 1 } } });
});
