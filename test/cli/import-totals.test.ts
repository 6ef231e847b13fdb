import { afterEach, describe, expect, test } from '@jest/globals';
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
import { contradictions, query } from './table-contents.ts';

afterEach(cleanUpImports);

describe('the total of an order is the sum of its items', () => {
  const files = {
    'customers.csv': 'id,name,email\n1,Ann,\n',
    'products.csv': 'sku,price\nP,19.99\n',
    'orderItems.csv': 'no,sku,pieces,price\nO1,P,2,19.99\nO2,P,1,19.99\n',
  };
  const withTotal = { ...orders, total: 'total', currency: 'currency' };

  test('so the total in the file is a check of its lines', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      ...files,
      'orders.csv': 'no,customer,total,currency\nO1,1,39.98,EUR\nO2,1,5,EUR\nO3,1,7,EUR\n',
    });
    const { counts, rejects } = await importFrom(
      url,
      folder,
      mappingOf({ customers, products, orders: withTotal, orderItems }),
    );
    expect(counts).toMatchObject({ orders: [3, 1, 0, 0, 2], orderItems: [2, 1, 0, 0, 1] });
    expect(rejects['orders.rejected.csv']).toEqual([
      `3,"total: expected the sum of the order's items, 19.9900, got 5.0000","total","orders.csv","O2,1,5,EUR"`,
      `4,"total: expected the sum of the order's items, 0.0000, got 7.0000","total","orders.csv","O3,1,7,EUR"`,
    ]);
    expect(await contradictions(url)).toEqual([]);
  });

  test('so neither another total nor another currency is accepted for stored lines', async () => {
    const url = await freshDatabase();
    await importFrom(
      url,
      await folderOf({ ...files, 'orders.csv': 'no,customer\nO1,1\nO2,1\n' }),
      mappingOf({ customers, products, orders, orderItems }),
    );
    const folder = await folderOf({
      'orders.csv': 'no,customer,total,currency\nO1,1,5,EUR\nO2,1,20,JPY\n',
    });
    const mapping = mappingOf({ orders: withTotal });
    const { rejects } = await importFrom(url, folder, mapping);
    expect(rejects['orders.rejected.csv']?.map((line) => line.split('","')[0])).toEqual([
      `2,"total: expected the sum of the order's items, 39.9800, got 5.0000`,
      `3,"currency: expected EUR, in which the order's items are, got JPY`,
    ]);
    const right = await folderOf({ 'orders.csv': 'no,customer,total,currency\nO1,1,39.98,EUR\nO2,1,,EUR\n' });
    expect((await importFrom(url, right, mapping)).counts['orders']).toEqual([2, 0, 0, 2, 0]);
    expect(await contradictions(url)).toEqual([]);
  });

  test('a batch in which every row is rejected gets a line and a reason for each', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      ...files,
      'orders.csv': 'no,customer\nO1,1\n',
      'orderItems.csv': 'no,sku,pieces,price\nO1,unknown,1,1\n',
    });
    const mapping = mappingOf({ customers, products, orders, orderItems });
    const { exitCode, counts, rejects } = await importFrom(url, folder, mapping);
    expect([exitCode, counts['orders'], counts['orderItems']]).toEqual([1, [1, 0, 0, 0, 1], [1, 0, 0, 0, 1]]);
    expect(rejects['orderItems.rejected.csv']).toEqual([
      '2,"product: expected one of the products in the database, got ""unknown""","sku","orderItems.csv","O1,unknown,1,1"',
    ]);
    const alone = await folderOf({ 'orderItems.csv': 'no,sku,pieces,price\nnone,P,1,1\n' });
    expect((await importFrom(url, alone, mappingOf({ orderItems }))).counts['orderItems']).toEqual([1, 0, 0, 0, 1]);
  });
});

describe('a total must not have more decimals than its currency', () => {
  const files = { 'customers.csv': 'id,name,email\n1,Ann,\n', 'products.csv': 'sku,price\nP,0.0125\n' };
  const withTotal = { ...orders, total: 'total', currency: 'currency' };
  const rows = [
    ['7', 'JPY'],
    ['7.5', 'JPY'],
    ['1.0050', 'EUR'],
    ['1.0500', 'EUR'],
    ['-1.001', 'EUR'],
    ['1.2345', 'KWD'],
    ['1.2340', 'KWD'],
    ['1.2345', 'CLF'],
  ];
  const reasons = [
    ['O1', 'expected at most 0 decimals, which JPY has, got 7.5000'],
    ['O2', 'expected at most 2 decimals, which EUR has, got 1.0050'],
    ['O4', 'expected at most 2 decimals, which EUR has, got -1.0010'],
    ['O5', 'expected at most 3 decimals, which KWD has, got 1.2345'],
  ];

  test('of an order without items', async () => {
    const url = await freshDatabase();
    const lines = rows.map(([total, currency], index) => `O${index},1,${total},${currency}`);
    const folder = await folderOf({ ...files, 'orders.csv': `no,customer,total,currency\n${lines.join('\n')}\n` });
    const { rejects } = await importFrom(url, folder, mappingOf({ customers, orders: withTotal }));
    expect(rejects['orders.rejected.csv']?.map((line) => line.split('","').slice(0, 2))).toEqual(
      reasons.map(([order, reason]) => [`${Number(order?.slice(1)) + 2},"total: ${reason}`, 'total']),
    );
    expect(await query(url, 'SELECT total FROM orders ORDER BY number')).toEqual(
      ['7.0000', '1.0500', '1.2340', '1.2345'].map((total) => ({ total })),
    );
  });

  test('of an item, while prices may have four', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      ...files,
      'orders.csv': `no,customer,currency\n${rows.map(([, currency], index) => `O${index},1,${currency}`).join('\n')}\n`,
      'orderItems.csv': `no,sku,pieces,total\n${rows.map(([total], index) => `O${index},P,1,${total}`).join('\n')}\n`,
    });
    const { unitPrice: _, ...fields } = { ...orderItems, total: 'total' };
    const byTotals = mappingOf({
      customers,
      products,
      orders: { ...orders, currency: 'currency' },
      orderItems: fields,
    });
    const { rejects } = await importFrom(url, folder, byTotals);
    expect(rejects['orderItems.rejected.csv']?.map((line) => line.split('","').slice(0, 2))).toEqual(
      reasons.map(([order, reason]) => [`${Number(order?.slice(1)) + 2},"total: ${reason}`, 'total']),
    );
    expect(await query(url, 'SELECT price FROM products')).toEqual([{ price: '0.0125' }]);
    const rounded = mappingOf({ orderItems: { ...fields, total: { column: 'total', decimals: 'round' } } });
    await importFrom(url, await folderOf({ 'orderItems.csv': 'no,sku,pieces,total\nO3,P,1,1.005\n' }), rounded);
    expect(await query(url, "SELECT total FROM orders WHERE number = 'O3'")).toEqual([{ total: '1.0100' }]);
    const priced = await folderOf({ 'orderItems.csv': 'no,sku,pieces,price\nO0,P,3,2.3456\n' });
    await importFrom(url, priced, mappingOf({ orderItems }));
    expect(await query(url, 'SELECT unit_price, total FROM order_items ORDER BY order_id LIMIT 1')).toEqual([
      { unit_price: '2.3456', total: '7.0000' },
    ]);
  });
});
