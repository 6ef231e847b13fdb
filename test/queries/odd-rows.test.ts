import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { askBoth } from '../support/seeded.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

// As left by programs that set a lax sql_mode.
const MOMENTS: Readonly<Record<string, { readonly moment: string; readonly isOne: boolean }>> = {
  none: { moment: '0000-00-00 00:00:00', isOne: false },
  'without a day': { moment: '2020-02-00 00:00:00', isOne: false },
  'without a month': { moment: '2020-00-10 00:00:00', isOne: false },
  '30 February': { moment: '2020-02-30 00:00:00', isOne: false },
  '29 February': { moment: '2020-02-29 00:00:00.5', isOne: true },
  '31 March': { moment: '2020-03-31 23:59:59.999', isOne: true },
};

let database: TestDatabase;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createDatabase();
  await withConnection(database.url, (connection) =>
    connection.query(`INSERT INTO products (sku, name, price, currency, updated_at) VALUES
      ('a', 'a', 1.5, 'EUR', NOW()), ('b', 'b', 1.5, 'EU', NOW()), ('c', 'c', 1.2345, '', NOW()), ('d', 'd', 7, 'JPY', NOW())`),
  );
  await withConnection(database.url, async (connection) => {
    await connection.query("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'");
    await connection.query("INSERT INTO customers (id, name, updated_at) VALUES (1, 'A', NOW()), (2, 'B', NOW())");
    await connection.batch(
      `INSERT INTO orders (id, number, customer_id, status, total, currency, placed_at, updated_at)
       VALUES (?, ?, 1, 'PAID', 1, 'EUR', ?, NOW())`,
      Object.entries(MOMENTS).map(([number, { moment }], i) => [i + 1, number, moment]),
    );
  });
  gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

test('a price in a currency that does not exist is shown with two decimals, and does not affect other rows', async () => {
  const { products } = await gateway.data('{ products { nodes { price { amount currency } } } }');
  expect(products.nodes.map(({ price }: { price: object }) => price)).toEqual([
    { amount: '1.50', currency: 'EUR' },
    { amount: '1.50', currency: 'EU' },
    { amount: '1.2345', currency: '' },
    { amount: '7', currency: 'JPY' },
  ]);
});

test.each(Object.entries(MOMENTS))(
  'a date and time is shown if it exists (%s), and otherwise is an error of its row alone',
  async (number, { moment, isOne }) => {
    const query = 'query($number: String!) { order(by: { number: $number }) { placedAt } }';
    const { plain, planned } = await askBoth(gateway, `${query} # ${number}`, { number });
    const shown = moment.replace(' ', 'T').replace(/\.5$/, '.500');
    for (const { data, errors } of [plain, planned]) {
      expect(data).toEqual({ order: isOne ? { placedAt: `${shown}Z` } : null });
      expect(errors.map(({ extensions }) => extensions)).toEqual(
        isOne ? [] : [{ code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) }],
      );
    }
  },
);

test('a list never returns a cursor that it would refuse: a page whose boundary is an invalid date is an error', async () => {
  const walk = '{ orders(first: 1, orderBy: { field: PLACED_AT }) { pageInfo { endCursor } } }';
  const { data, errors } = await gateway.request(walk);
  expect([data, errors[0]?.extensions.code]).toEqual([null, 'INTERNAL_SERVER_ERROR']);
});
