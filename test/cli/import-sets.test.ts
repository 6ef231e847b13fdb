import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { loadMapping } from '../../src/data/import/mapping.ts';
import {
  cleanUpImports,
  customers,
  expectSums,
  folderOf,
  freshDatabase,
  importFrom,
  orderItems,
  orders,
  products,
} from './import-run.ts';
import { contradictions, query } from './table-contents.ts';

afterEach(cleanUpImports);

const base = { 'customers.csv': 'id,name,email\n1,Ann,\n2,Bob,\n', 'products.csv': 'sku,price\nP,1.50\nQ,2\n' };
const targets = {
  customers: { file: 'customers.csv', fields: customers },
  products: { file: 'products.csv', fields: products },
};
const { unitPrice: _, ...itemsByTotal } = { ...orderItems, total: 'comes' };

test('every mapping in import/ is valid', async () => {
  const folder = join(import.meta.dirname, '../../import');
  const names = await readdir(folder);
  expect(names).toContain('northwind.yaml');
  for (const name of names) {
    const mapping = await loadMapping(join(folder, name));
    // The folder for rejects has this name.
    expect(`${mapping.name}.yaml`).toBe(name);
  }
});

describe('public data sets need', () => {
  test('the first row of each key, and a count of the rows that differ from it', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      ...base,
      'products.csv': 'sku,name,price\nP,Lamp,1.50\nP,LAMP (damaged),0\nP,Lamp,1.50\nQ,Box,2\nQ,,x\n',
      'sales.csv': 'no,customer,sku,pieces,price\nO1,1,P,2,1.50\nO1,2,Q,1,2\n',
    });
    const { counts, output, rejects } = await importFrom(url, folder, {
      name: 'test',
      targets: {
        ...targets,
        products: { file: 'products.csv', repeats: 'first', fields: { ...products, name: 'name' } },
        orders: { file: 'sales.csv', repeats: 'first', fields: orders },
        orderItems: { file: 'sales.csv', fields: orderItems },
      },
    });
    // An unreadable row is rejected even though its key exists: the key may be wrong.
    expect(counts).toMatchObject({ products: [3, 2, 0, 0, 1], orders: [1, 1, 0, 0, 0], orderItems: [2, 2, 0, 0, 0] });
    expectSums(counts);
    expect(output).toMatch(/^products: 2 rows were skipped, as the mapping says\.$/m);
    expect(output).toMatch(/^products: 1 of them differs from the first row with the same key\.$/m);
    expect(output).toMatch(/^orders: 1 of them differs from the first row with the same key\.$/m);
    expect(Object.keys(rejects)).toEqual(['products.rejected.csv']);
    expect(await query(url, 'SELECT sku, name, price FROM products ORDER BY sku')).toEqual([
      { sku: 'P', name: 'Lamp', price: '1.5000' },
      { sku: 'Q', name: 'Box', price: '2.0000' },
    ]);
  });

  test('the total of a line instead of its price, rounded if the mapping says so', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      ...base,
      'orders.csv': 'no,customer\nO1,1\nO2,2\nO3,2\n',
      'lines.csv':
        'no,sku,pieces,comes,off\n' +
        // A price with three decimals, a discount, a return, a fraction, a full discount, and half a cent.
        'O1,P,3,10.00,0\nO1,P,5,957.5775,0.45\nO1,Q,-2,-3.00,0\nO1,Q,2.5,7.00,0\nO1,Q,1,0,1\nO1,Q,1,1.005,0\n' +
        // No price with four decimals yields that total for a thousand, and a full discount leaves nothing to pay.
        'O2,P,1000,33.33,0\nO3,P,1,5,1\n',
    });
    const quantity = { column: 'pieces', returns: 'negativePrice', fractions: 'one' };
    const rounded = { column: 'comes', decimals: 'round' };
    const { counts, rejects } = await importFrom(url, folder, {
      name: 'test',
      targets: {
        ...targets,
        orders: { file: 'orders.csv', fields: orders },
        orderItems: { file: 'lines.csv', fields: { ...itemsByTotal, total: rounded, quantity, discount: 'off' } },
      },
    });
    expect(counts).toMatchObject({ orders: [3, 1, 0, 0, 2], orderItems: [8, 6, 0, 0, 2] });
    expect(rejects['orderItems.rejected.csv']).toEqual([
      expect.stringContaining('at which 1000 with this discount come to 33.3300","comes"'),
      expect.stringContaining('at which 1 with this discount come to 5.0000","comes"'),
    ]);
    expect(await query(url, 'SELECT quantity, unit_price, discount, total FROM order_items ORDER BY position')).toEqual(
      [
        [3, '3.3333', '0.0000', '10.0000'],
        [5, '348.2109', '0.4500', '957.5800'],
        [2, '-1.5000', '0.0000', '-3.0000'],
        [1, '7.0000', '0.0000', '7.0000'],
        [1, '0.0000', '1.0000', '0.0000'],
        [1, '1.0100', '0.0000', '1.0100'],
      ].map(([pieces, unit_price, discount, total]) => ({ quantity: pieces, unit_price, discount, total })),
    );
    expect(await contradictions(url)).toEqual([]);
  });

  test('a price or a total of each line, and not both', async () => {
    const folder = await folderOf(base);
    for (const fields of [
      { ...orderItems, total: 'comes' },
      { order: 'no', product: 'sku', quantity: 'pieces' },
    ])
      await expect(
        importFrom('', folder, { name: 'test', targets: { orderItems: { file: 'lines.csv', fields } } }),
      ).rejects.toThrow('targets.orderItems.fields: expected exactly one of unitPrice and total');
  });

  test('several files with the same columns', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      'may.csv': 'id,name,email\n1,Ann,\n2,Bob,\n',
      'june.csv': 'name,email,id\nAnn,,1\nCid,c,3\n',
    });
    const { counts, rejects } = await importFrom(url, folder, {
      name: 'test',
      targets: { customers: { file: ['may.csv', 'june.csv'], repeats: 'skip', fields: customers } },
    });
    expect(counts).toMatchObject({ customers: [3, 2, 0, 0, 1] });
    // The column with the problem is reported for each of them.
    expect(rejects['customers.rejected.csv']).toEqual([
      '3,"email: expected an email address in ASCII, got ""c""","email","june.csv","Cid,c,3"',
    ]);
  });

  test('columns with the same name, which trackers export for each label, by number', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({ 'customers.csv': 'id,label,name,label,label\n1,a,Ann,b,\n2,,Bob,,c\n' });
    const tags = ['label#1', 'label#2', 'label#3'];
    const { exitCode } = await importFrom(url, folder, {
      name: 'test',
      targets: { customers: { file: 'customers.csv', fields: { externalId: 'id', name: 'name', tags } } },
    });
    expect(exitCode).toBe(0);
    expect(await query(url, 'SELECT name, tag FROM customer_tags ORDER BY name, tag')).toEqual([
      { name: 'Ann', tag: 'a' },
      { name: 'Ann', tag: 'b' },
      { name: 'Bob', tag: 'c' },
    ]);
  });

  test('column names from the mapping if the file has none', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({ 'customers.csv': '1,Ann,\n2,Bob,\n3,Cid\n' });
    const mapping = (columns: readonly string[]) => ({
      name: 'test',
      csv: { columns },
      targets: { customers: { file: 'customers.csv', fields: customers } },
    });
    const { counts, rejects } = await importFrom(url, folder, mapping(['id', 'name', 'email']));
    expect(counts).toMatchObject({ customers: [3, 2, 0, 0, 1] });
    expect(rejects['customers.rejected.csv']).toEqual(['3,"expected 3 columns, got 2","","customers.csv","3,Cid"']);
    await expect(importFrom(url, folder, mapping(['id', 'name', 'id']))).rejects.toThrow(
      'csv.columns: expected each name once, got "id" twice',
    );
  });

  test.each([
    ['cp850', [0x84, 0xa4, 0xb7, 0xe1, 0x9b], 'äñÀßø'],
    ['CP437', [0x84, 0xa4, 0x9b, 0xe1, 0xff], 'äñ¢ß'],
  ])('the code page %s of DOS', async (encoding, bytes, name) => {
    const url = await freshDatabase();
    const folder = await folderOf({
      'customers.csv': Buffer.concat([Buffer.from('id,name,email\r\n1,'), Buffer.from(bytes), Buffer.from(',\r\n')]),
    });
    const { exitCode } = await importFrom(url, folder, {
      name: 'test',
      csv: { encoding },
      targets: { customers: { file: 'customers.csv', fields: customers } },
    });
    expect(exitCode).toBe(0);
    expect(await query(url, 'SELECT name FROM customers')).toEqual([{ name }]);
  });
});
