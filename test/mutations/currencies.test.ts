import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { publishDate } from 'currency-codes';
import { CURRENCY_DIGITS } from '../../src/crm/currencies.ts';
import { money } from '../../src/crm/money.ts';
import { customerOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

/** The decimal places in ISO 4217, where ICU's display conventions differ. */
const NOT_AS_DISPLAYED: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    'AFN ALL COP HUF IDR IRR KPW LAK LBP MGA MMK MRO PKR SLL SOS STD SYP YER ZMK'.split(' ').map((c) => [c, 2]),
  ),
  IQD: 3,
};

const displayed = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;

const codes = [...CURRENCY_DIGITS.keys()];

describe('money in every currency of ISO 4217', () => {
  let gateway: WritingGateway;
  let customerId: string;
  beforeAll(async () => {
    gateway = await startWritingGateway();
    await gateway.sql(
      `INSERT INTO products (id, sku, name, price, currency, updated_at) VALUES (9001, 'kettle', 'Kettle', 1, 'EUR', NOW())`,
    );
    customerId = customerOf(await gateway.create({ name: 'Of the world' })).id;
  });
  afterAll(() => gateway.close());

  const order = async (currency: string, unitPrice: string, quantity: number) => {
    const { createOrder } = await gateway.data(
      `mutation($input: CreateOrderInput!) { createOrder(input: $input) {
         order { total { amount currency } items { total { amount } unitPrice { amount } } } userErrors { code path } } }`,
      { input: { customerId, currency, items: [{ product: { sku: 'kettle' }, quantity, unitPrice }] } },
    );
    return createOrder;
  };

  test("is rounded to the currency's smallest unit, and has its decimals", async () => {
    const amounts = { 0: '10', 2: '10.00', 3: '9.999', 4: '9.9990' };
    for (const currency of codes) {
      const digits = NOT_AS_DISPLAYED[currency] ?? displayed(currency);
      const { order: made, userErrors } = await order(currency, '3.333', 3);
      const amount = amounts[digits as keyof typeof amounts];
      expect({ currency, userErrors, total: made?.total.amount }).toEqual({ currency, userErrors: [], total: amount });
    }
    expect(codes).toHaveLength(180);
  });

  test.each([
    ['PKR', '19.99', '59.97'],
    ['HUF', '12.40', '37.20'],
    ['JPY', '19.99', '60'],
    ['IQD', '0.0005', '0.002'],
    ['CLF', '0.0001', '0.0003'],
  ])('in %s, 3 × %s are %s', async (currency, price, total) => {
    const { order: made } = await order(currency, price, 3);
    expect(made.total).toEqual({ amount: total, currency });
  });

  test.each(['XXX', 'XTS', 'XAU', 'XDR', 'DEM', 'ABC'])(
    'is refused in %s, which has no smallest unit in use',
    async (code) => {
      expect(await order(code, '1', 1)).toEqual({
        order: null,
        userErrors: [{ code: 'INVALID_INPUT', path: ['input', 'currency'] }],
      });
    },
  );
});

test("the package's table is the edition to which src/crm/currencies.ts adds later amendments", () => {
  expect(publishDate).toBe('2024-06-25');
});

test('the decimals of a currency are those of the standard, even if ICU displays others', () => {
  const differing = codes.filter((code) => CURRENCY_DIGITS.get(code) !== displayed(code));
  expect(differing.toSorted()).toEqual(Object.keys(NOT_AS_DISPLAYED).toSorted());
});

test('an amount in an unknown currency is shown as it is stored', () => {
  expect(money('18.6000', 'ZZZ')).toEqual({ amount: '18.60', currency: 'ZZZ' });
  expect(money('18.6789', 'jp')).toEqual({ amount: '18.6789', currency: 'jp' });
});
