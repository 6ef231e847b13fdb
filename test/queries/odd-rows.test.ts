import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

let database: TestDatabase;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createDatabase();
  await withConnection(database.url, (connection) =>
    connection.query(`INSERT INTO products (sku, name, price, currency, updated_at) VALUES
      ('a', 'a', 1.5, 'EUR', NOW()), ('b', 'b', 1.5, 'EU', NOW()), ('c', 'c', 1.2345, '', NOW()), ('d', 'd', 7, 'JPY', NOW())`),
  );
  gateway = await startGateway({ databaseUrl: database.url });
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

test('a price in a currency that does not exist is shown with two places and costs its neighbours nothing', async () => {
  const { products } = await gateway.data('{ products { nodes { price { amount currency } } } }');
  expect(products.nodes.map(({ price }: { price: object }) => price)).toEqual([
    { amount: '1.50', currency: 'EUR' },
    { amount: '1.50', currency: 'EU' },
    { amount: '1.2345', currency: '' },
    { amount: '7', currency: 'JPY' },
  ]);
});
