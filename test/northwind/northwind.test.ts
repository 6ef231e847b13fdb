import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cleanUpImports, freshDatabase, importFrom } from '../cli/import-run.ts';
import { contentsHash, contradictions, query } from '../cli/table-contents.ts';
import { ANY_COST, PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';

// Microsoft's sample company as CSV files, which we may not redistribute: jest.config.mjs skips this folder unless
// NORTHWIND_DIR says where they are.
const folder = process.env['NORTHWIND_DIR'] ?? '';
const mapping = join(import.meta.dirname, '../../import/northwind.yaml');

describe('Northwind, imported with import/northwind.yaml', () => {
  let databaseUrl: string;
  let gateway: TestGateway;
  let imported: Awaited<ReturnType<typeof importFrom>>;

  beforeAll(async () => {
    databaseUrl = await freshDatabase();
    imported = await importFrom(databaseUrl, folder, mapping);
    gateway = await startGateway({ databaseUrl, settings: { ...PATIENT, ...ANY_COST } });
  });
  afterAll(async () => {
    await gateway.close();
    await cleanUpImports();
  });

  test('is complete, and nothing was rejected', async () => {
    expect(imported.exitCode).toBe(0);
    expect(imported.counts).toEqual({
      agents: [9, 9, 0, 0, 0],
      customers: [91, 91, 0, 0, 0],
      products: [77, 77, 0, 0, 0],
      orders: [830, 830, 0, 0, 0],
      orderItems: [2_155, 2_155, 0, 0, 0],
    });
    expect(await contradictions(databaseUrl)).toEqual([]);
    const [blonp] = await query(
      databaseUrl,
      `SELECT a.line1, a.city, a.country FROM customers c
       JOIN customer_addresses a ON a.customer_id = c.id WHERE c.external_id = 'BLONP'`,
    );
    expect(blonp).toEqual({ line1: '24, place Kléber', city: 'Strasbourg', country: 'FR' });
  });

  test('has every order, line and cent of the files, asked over GraphQL', async () => {
    expect(await ordersOverGraphQL(gateway)).toEqual(ordersOfTheFiles());
  });

  test('imported again changes nothing', async () => {
    const before = await contentsHash(databaseUrl);
    const { exitCode, counts } = await importFrom(databaseUrl, folder, mapping);
    expect(exitCode).toBe(0);
    expect(counts['orderItems']).toEqual([2_155, 0, 0, 2_155, 0]);
    expect(await contentsHash(databaseUrl)).toBe(before);
  });
});

interface Order {
  readonly number: string;
  readonly customer: string;
  readonly day: string;
  readonly total: string;
  readonly lines: readonly string[];
}

const ORDERS = `query ($after: String) {
  orders(first: 100, after: $after, orderBy: { field: PLACED_AT, direction: ASC }) {
    totalCount
    nodes {
      number placedAt total { amount currency } customer { externalId }
      items { quantity discount product { sku } unitPrice { amount } total { amount } }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** All orders, page by page, in the files' format. */
async function ordersOverGraphQL(gateway: TestGateway): Promise<Map<string, Order>> {
  const found = new Map<string, Order>();
  for (let after: string | null = null, more = true; more;) {
    const { orders } = await gateway.data(ORDERS, { after });
    expect(orders.totalCount).toBe(830);
    for (const { number, placedAt, total, customer, items } of orders.nodes) {
      expect(total.currency).toBe('USD');
      const lines = items.map(
        // oxlint-disable-next-line typescript/no-explicit-any
        ({ product, unitPrice, quantity, discount, total: sum }: any) =>
          `${product.sku}: ${quantity} x ${unitPrice.amount} less ${discount} = ${sum.amount}`,
      );
      const order = { number, customer: customer.externalId, day: placedAt.slice(0, 10), total: total.amount };
      found.set(number, { ...order, lines: lines.toSorted() });
    }
    after = orders.pageInfo.endCursor;
    more = orders.pageInfo.hasNextPage;
  }
  return found;
}

/** The same computed from the files: each line rounded half up to the cent, each order the sum of its lines. */
function ordersOfTheFiles(): Map<string, Order> {
  const lines = Map.groupBy(rowsOf('order-details.csv'), ([order]) => order);
  const cents = (text: string) => BigInt(Math.round(Number(text) * 100));
  return new Map(
    rowsOf('orders.csv').map(([number = '', customer = '', , placed = '']) => {
      let total = 0n;
      const own = (lines.get(number) ?? []).map(([, sku, price = '', quantity = '', discount = '']) => {
        const exact = cents(price) * BigInt(quantity) * (10_000n - BigInt(Math.round(Number(discount) * 10_000)));
        const sum = (exact + 5_000n) / 10_000n;
        total += sum;
        return `${sku}: ${quantity} x ${amount(cents(price))} less ${Number(discount)} = ${amount(sum)}`;
      });
      const order = { number, customer, day: placed.slice(0, 10), total: amount(total) };
      return [number, { ...order, lines: own.toSorted() }];
    }),
  );
}

const amount = (cents: bigint): string => `${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`;

// None of the columns used here has a comma or quote in it or before it.
const rowsOf = (file: string): string[][] =>
  readFileSync(join(folder, file), 'utf8')
    .trimEnd()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(','));
