import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectNotInSchema } from './schema-refusal.ts';
import { idOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
  await gateway.sql(
    `INSERT INTO products (id, sku, name, price, currency, updated_at) VALUES
     (9001, 'own-eur', 'Kettle', 19.9900, 'EUR', NOW()), (9002, 'own-jpy', 'Teapot', 1250, 'JPY', NOW()),
     (9003, 'own-voucher', 'Voucher', -5, 'EUR', NOW())`,
  );
});

afterAll(() => gateway.close());

const kettle = { product: { sku: 'own-eur' }, quantity: 1 };
const voucher = { product: { id: idOf('Product', 9003) }, quantity: 1 };
const teapot = { product: { id: idOf('Product', 9002) }, quantity: 1 };
const second = (more: object) => ({ items: [kettle, { ...kettle, ...more }] });
const ahead = (ms: number) => new Date(Date.now() + ms).toISOString();

// [what, input, errors as code, path and message]
type Misuse = readonly [what: string, input: object, errors: readonly (readonly [string, string, string])[]];

const LARGEST = '999999999999999.9999';
const NO_PRODUCT = 'There is no such product.';

const MISUSES: readonly Misuse[] = [
  [
    'text that is not the id of a customer',
    { customerId: 'x' },
    [['NOT_FOUND', 'customerId', 'Expected the id of a Customer, got "x".']],
  ],
  [
    'a customer that does not exist',
    { customerId: idOf('Customer', 999_999) },
    [['NOT_FOUND', 'customerId', 'There is no such customer.']],
  ],
  ['an empty number', { number: ' ' }, [['INVALID_INPUT', 'number', 'Expected 1 to 64 characters, got none.']]],
  [
    'a number of 65 characters',
    { number: 'x'.repeat(65) },
    [['INVALID_INPUT', 'number', 'Expected 1 to 64 characters, got 65.']],
  ],
  [
    'an invisible number',
    { number: '\u200b' },
    [['INVALID_INPUT', 'number', 'Expected 1 to 64 characters, got none that is visible.']],
  ],
  [
    'a number with a tab',
    { number: '1\t2' },
    [['INVALID_INPUT', 'number', 'Expected one line without tabs, got "1\\t2".']],
  ],
  ...[
    ['NUL', 'a\0b'],
    ['half an emoji', 'a\ud83d'],
  ].map(([what, number]): Misuse => [
    `a number with ${what}`,
    { number },
    [['INVALID_INPUT', 'number', 'Expected 1 to 64 characters, got ones that are not text.']],
  ]),
  [
    'a key of 256 characters',
    { idempotencyKey: 'k'.repeat(256) },
    [['INVALID_INPUT', 'idempotencyKey', 'Expected 1 to 255 characters, got 256.']],
  ],
  [
    'a number that another order has',
    { number: 'SO-00000001' },
    [['ALREADY_EXISTS', 'number', 'An order has this number already.']],
  ],
  ...['ZZZ', 'XXX', 'DEM'].map((currency): Misuse => [
    `the currency ${currency}`,
    { currency },
    [['INVALID_INPUT', 'currency', `Expected an ISO 4217 code in use, got "${currency}".`]],
  ]),
  ['no items', { items: [] }, [['INVALID_INPUT', 'items', 'Expected 1 to 200 items, got 0.']]],
  [
    '201 items',
    { items: Array.from({ length: 201 }, () => kettle) },
    [['INVALID_INPUT', 'items', 'Expected 1 to 200 items, got 201.']],
  ],
  ...[0, -1, 1_000_001, 2 ** 31 - 1, -(2 ** 31)].map((quantity): Misuse => [
    `the quantity ${quantity}`,
    second({ quantity }),
    [['INVALID_INPUT', 'items.1.quantity', `Expected 1 to 1000000, got ${quantity}.`]],
  ]),
  ...['-0.0001', '-1', `-${LARGEST}`].map((unitPrice): Misuse => [
    `the price ${unitPrice}`,
    second({ unitPrice }),
    [['INVALID_INPUT', 'items.1.unitPrice', `Expected a price of 0 or more, got "${unitPrice}".`]],
  ]),
  ...['1.0001', '-0.0001', '5', LARGEST].map((discount): Misuse => [
    `the discount ${discount}`,
    second({ discount }),
    [['INVALID_INPUT', 'items.1.discount', `Expected a fraction from 0 to 1, got "${discount}".`]],
  ]),
  ...['x', '', idOf('Customer', 1), idOf('Product', 0)].map((id): Misuse => [
    `the product "${id}"`,
    second({ product: { id } }),
    [['NOT_FOUND', 'items.1.product', `Expected the id of a Product, got "${id}".`]],
  ]),
  [
    'products that do not exist',
    {
      items: [
        { product: { sku: 'OWN-EUR' }, quantity: 1 },
        kettle,
        { product: { id: idOf('Product', 999_999) }, quantity: 1 },
        { product: { sku: '' }, quantity: 1, unitPrice: '1' },
        { product: { sku: "' OR 1=1 -- " }, quantity: 1 },
        { product: { sku: 'own- eur' }, quantity: 1 },
        { product: { sku: 'x\ud83d\0' }, quantity: 1 },
        { product: { sku: 'x'.repeat(5_000) }, quantity: 1 },
      ],
    },
    [0, 2, 3, 4, 5, 6, 7].map((i) => ['NOT_FOUND', `items.${i}.product`, NO_PRODUCT] as const),
  ],
  [
    'a product without a price in the currency, together with one that does not exist',
    { items: [teapot, { ...teapot, unitPrice: '8' }, { ...kettle, product: { sku: 'none' } }, teapot] },
    [
      ['INVALID_INPUT', 'items.0.unitPrice', "Expected a price in EUR, since the product's price is in JPY, got none."],
      ['NOT_FOUND', 'items.2.product', NO_PRODUCT],
      ['INVALID_INPUT', 'items.3.unitPrice', "Expected a price in EUR, since the product's price is in JPY, got none."],
    ],
  ],
  [
    'a product with a negative price, such as a voucher, which an import may bring',
    { items: [kettle, voucher, { ...voucher, unitPrice: '1' }] },
    [
      [
        'INVALID_INPUT',
        'items.1.unitPrice',
        "Expected a price of 0 or more, since the product's price is negative, got none.",
      ],
    ],
  ],
  [
    'an item with too large a total',
    second({ unitPrice: LARGEST, quantity: 2 }),
    [['INVALID_INPUT', 'items.1', `Expected an item with a total of at most ${LARGEST}, got 2000000000000000.0000.`]],
  ],
  [
    'an item with too large a total after rounding',
    second({ unitPrice: LARGEST }),
    [['INVALID_INPUT', 'items.1', `Expected an item with a total of at most ${LARGEST}, got 1000000000000000.0000.`]],
  ],
  [
    'items with too large a total together',
    second({ unitPrice: '999999999999999' }),
    [['INVALID_INPUT', 'items', `Expected an order with a total of at most ${LARGEST}, got 1000000000000018.9900.`]],
  ],
  [
    'everything that can be checked without the database, at once',
    {
      ...{ customerId: '', number: '', currency: 'ZZZ', idempotencyKey: '' },
      items: [{ product: { id: 'x' }, quantity: 0, unitPrice: '-1', discount: '2' }],
    },
    [
      ['INVALID_INPUT', 'currency', 'Expected an ISO 4217 code in use, got "ZZZ".'],
      ['NOT_FOUND', 'customerId', 'Expected the id of a Customer, got "".'],
      ['INVALID_INPUT', 'number', 'Expected 1 to 64 characters, got none.'],
      ['INVALID_INPUT', 'items.0.quantity', 'Expected 1 to 1000000, got 0.'],
      ['INVALID_INPUT', 'items.0.unitPrice', 'Expected a price of 0 or more, got "-1".'],
      ['INVALID_INPUT', 'items.0.discount', 'Expected a fraction from 0 to 1, got "2".'],
      ['NOT_FOUND', 'items.0.product', 'Expected the id of a Product, got "x".'],
      ['INVALID_INPUT', 'idempotencyKey', 'Expected 1 to 255 characters, got none.'],
    ],
  ],
];

const order = (more: object) =>
  gateway.order({ customerId: idOf('Customer', 1), currency: 'EUR', items: [kettle], ...more });

describe('createOrder refuses, and writes nothing,', () => {
  test.each(MISUSES)('%s', async (_, input, expected) => {
    const before = await gateway.everything();
    expect(await order(input)).toEqual({
      order: null,
      userErrors: expected.map(([code, path, message]) => ({ code, message, path: ['input', ...path.split('.')] })),
    });
    expect(await gateway.everything()).toEqual(before);
  });

  test('a time more than a minute in the future', async () => {
    expect((await order({ placedAt: ahead(50_000) })).userErrors).toEqual([]);
    // Far enough ahead that it is still in the future when it is checked.
    const [before, placedAt] = [await gateway.everything(), ahead(360_000)];
    expect((await order({ placedAt })).userErrors).toEqual([
      {
        code: 'INVALID_INPUT',
        message: `Expected a time that is not in the future, got ${placedAt}.`,
        path: ['input', 'placedAt'],
      },
    ]);
    expect(await gateway.everything()).toEqual(before);
  });
});

test('each field is accepted up to its limit', async () => {
  const items = [
    { ...kettle, quantity: 1_000_000, unitPrice: '0.0001', discount: '0.0001' },
    { ...teapot, unitPrice: '-0', discount: 0 },
    ...Array.from({ length: 198 }, () => ({ ...kettle, discount: '1.0000' })),
  ];
  const { order: taken, userErrors } = await order({ number: '😀'.repeat(64), items });
  expect(userErrors).toEqual([]);
  expect(taken).toMatchObject({ number: '😀'.repeat(64), total: { amount: '99.99', currency: 'EUR' } });
  const largest = { ...kettle, unitPrice: '999999999999999.99' };
  expect((await order({ customerId: idOf('Customer', 2), currency: 'KWD', items: [largest] })).order?.total).toEqual({
    amount: '999999999999999.990',
    currency: 'KWD',
  });
  expect((await order({ placedAt: '1000-01-01T00:00:00Z' })).order?.number).toMatch(/^SO-000101-/);
});

test.each([
  ['no product', { quantity: 1 }],
  ['no key of the product', { ...kettle, product: {} }],
  ['two keys of the product', { ...kettle, product: { id: 'x', sku: 'y' } }],
  ['a key of the product that is null', { ...kettle, product: { id: null } }],
  ['no quantity', { product: { sku: 'own-eur' } }],
  ['half a unit', { ...kettle, quantity: 0.5 }],
  ['a quantity past 32 bits', { ...kettle, quantity: 2 ** 31 }],
  ['a price that is not a number', { ...kettle, unitPrice: '1,50' }],
  ['a price of five decimals', { ...kettle, unitPrice: '0.00001' }],
  ['a price of sixteen digits', { ...kettle, unitPrice: '1'.repeat(16) }],
  ['a discount of five decimals', { ...kettle, discount: '0.33333' }],
  ['a discount that is null', { ...kettle, discount: null }],
])('what the schema does not allow (%s) is an error of the request', async (_, item) => {
  const mutation = 'mutation($input: CreateOrderInput!) { createOrder(input: $input) { userErrors { code } } }';
  const input = { customerId: idOf('Customer', 1), currency: 'EUR', items: [item] };
  // With a new plan, then with the kept one.
  for (let i = 0; i < 2; i += 1) {
    const answer = await gateway.request(mutation, { variables: { input } });
    expect(answer.data).toBeUndefined();
    expect(new Set(answer.errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['BAD_USER_INPUT']));
  }
});

test.each([
  ['a currency in small letters', 'createOrder', { customerId: 'x', currency: 'eur', items: [kettle] }],
  ['no items', 'createOrder', { customerId: 'x', currency: 'EUR' }],
  ['an invalid time', 'createOrder', { customerId: 'x', currency: 'EUR', items: [], placedAt: 'today' }],
  ['no status', 'updateOrderStatus', { id: 'x' }],
  ['a status that is null', 'updateOrderStatus', { id: 'x', status: null }],
  ['an unknown status', 'updateOrderStatus', { id: 'x', status: 'LOST' }],
  ['a version that is a string', 'updateOrderStatus', { id: 'x', status: 'PAID', expectedVersion: '1' }],
])('an input with %s, which the schema does not allow, is also an error of the request', async (_, name, input) => {
  await expectNotInSchema(gateway, name, input);
});
