import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  cleanUpImports,
  customers,
  expectSums,
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

const base = {
  'customers.csv': 'id,name,email\n1,Ann,\n2,Bob,\n',
  'products.csv': 'sku,price\nP,1.50\nQ,2\n-F,0\n-D,0\n',
};

describe('a mapping says about a file', () => {
  test('that each row is an order line, and repeats of the order are skipped if they are identical', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      ...base,
      'sales.csv':
        'no,customer,sku,pieces,price\nO1,1,P,2,1.50\nO1,1,Q,1,2\nO2,2,P,1,1.50\nO2,1,Q,1,2\nO1,1,P,1,1.50\n',
    });
    const { targets } = mappingOf({ customers, products }) as { targets: object };
    const mapping = {
      name: 'test',
      targets: {
        ...targets,
        orders: { file: 'sales.csv', repeats: 'skip', fields: orders },
        orderItems: { file: 'sales.csv', fields: orderItems },
      },
    };
    const { counts, rejects, output } = await importFrom(url, folder, mapping);
    expect(counts).toMatchObject({ orders: [3, 2, 0, 0, 1], orderItems: [5, 5, 0, 0, 0] });
    expect(output).toMatch(/^orders: 2 rows were skipped, as the mapping says\.$/m);
    // The same file has rows for two targets, each with its own rejects.
    expect(rejects).toEqual({
      'orders.rejected.csv': [
        '5,"the key ""O2"" was on line 4 of sales.csv already, and customer was ""2"" there","","sales.csv","O2,1,Q,1,2"',
      ],
    });
    expect(await query(url, 'SELECT number, total FROM orders ORDER BY number')).toEqual([
      { number: 'O1', total: '6.5000' },
      { number: 'O2', total: '3.5000' },
    ]);
    expect(await contradictions(url)).toEqual([]);
  });

  test('how to read returns, fractions, freight and a discount on the whole order, which add up to its total', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      ...base,
      'orders.csv': 'no,customer,freight,rebate,total\nO1,1,4.90,1.00,5.40\nO2,2,,,-1.50\nO3,1,,,1.88\n',
      'orderItems.csv': 'no,sku,pieces,price\nO1,P,1.0,1.50\nO2,P,-1,1.50\nO3,P,1.25,1.50\n',
    });
    const { targets } = mappingOf({ customers, products, orders: { ...orders, total: 'total' } }) as {
      targets: object;
    };
    const extra = (column: string, sku: string, price: object) => ({
      file: 'orders.csv',
      onlyIf: column,
      fields: { order: 'no', product: { constant: sku }, quantity: { constant: '1' }, unitPrice: { column, ...price } },
    });
    const quantity = { column: 'pieces', returns: 'negativePrice', fractions: 'one' };
    const mapping = {
      name: 'test',
      targets: {
        ...targets,
        orderItems: [
          { file: 'orderItems.csv', fields: { ...orderItems, quantity } },
          extra('freight', '-F', {}),
          extra('rebate', '-D', { negate: 'true' }),
        ],
      },
    };
    const { exitCode, counts, output } = await importFrom(url, folder, mapping);
    expect([exitCode, counts['orderItems']]).toEqual([0, [5, 5, 0, 0, 0]]);
    expect(output).toMatch(/^orderItems: 4 rows were skipped/m);
    expect(
      await query(
        url,
        `SELECT number, quantity, unit_price, i.total FROM order_items i JOIN orders o ON o.id = order_id
         ORDER BY number, position`,
      ),
    ).toEqual([
      { number: 'O1', quantity: 1, unit_price: '1.5000', total: '1.5000' },
      { number: 'O1', quantity: 1, unit_price: '4.9000', total: '4.9000' },
      { number: 'O1', quantity: 1, unit_price: '-1.0000', total: '-1.0000' },
      { number: 'O2', quantity: 1, unit_price: '-1.5000', total: '-1.5000' },
      { number: 'O3', quantity: 1, unit_price: '1.8750', total: '1.8800' },
    ]);
    expect(await contradictions(url)).toEqual([]);
    const plain = mappingOf({ orderItems });
    expect((await importFrom(url, folder, plain)).counts['orderItems']).toEqual([3, 0, 0, 1, 2]);
  });

  test('to cut texts that are too long and extensions of telephone numbers, which are counted', async () => {
    const url = await freshDatabase();
    const family = '👨‍👩‍👧';
    const folder = await folderOf({
      'customers.csv': `id,name,phone\n1,${'n'.repeat(201)},030 901820 ext. 12\n2,${'n'.repeat(198)}${family}${family},+49 30 901820\n3,Cat,+1 212 555 0123x5\n`,
    });
    const fields = {
      externalId: 'id',
      name: { column: 'name', tooLong: 'cut' },
      phone: { column: 'phone', extension: 'cut', country: { constant: 'DE' } },
    };
    const { exitCode, counts, output } = await importFrom(url, folder, mappingOf({ customers: fields }));
    expect([exitCode, counts['customers']]).toEqual([0, [3, 3, 0, 0, 0]]);
    expect(output).toMatch(/^customers: 4 values were too long and were cut: name 2, phone 2\.$/m);
    expect(await query(url, 'SELECT name, phone FROM customers ORDER BY external_id')).toEqual([
      { name: 'n'.repeat(200), phone: '+4930901820' },
      { name: 'n'.repeat(198), phone: '+4930901820' },
      { name: 'Cat', phone: '+12125550123' },
    ]);
    const [, path = ''] = /^Values cut, .*: (.*)$/m.exec(output) ?? [];
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines).toContain('"customers.csv",2,"phone","030 901820 ext. 12","phone: the extension 12 was cut off"');
    const uncut = { ...fields, name: 'name', phone: { ...fields.phone, extension: 'reject' } };
    expect(
      (await importFrom(await freshDatabase(), folder, mappingOf({ customers: uncut }))).counts['customers'],
    ).toEqual([3, 0, 0, 0, 3]);
  });
});

describe('the whole mapping is checked before the first row, and errors are in its terms', () => {
  const c = customers;
  test.each<[string, Record<string, object>, readonly string[]]>([
    [
      'a word that its field does not know',
      {
        customers: { ...c, status: { constant: 'VIP' } },
        orders: { ...orders, status: { column: 'no', values: { x: 'PAYED' }, otherwise: 'NONE', default: 'PAID' } },
      },
      [
        'targets.customers.fields.status.constant: expected one of LEAD, ACTIVE, INACTIVE, CHURNED, got "VIP"',
        'targets.orders.fields.status.otherwise: expected one of PENDING, PAID,',
        'targets.orders.fields.status.values.x: expected one of PENDING, PAID,',
      ],
    ],
    [
      'a field that is missing',
      { customers: { externalId: 'id' } },
      ['targets.customers.fields.name: expected a value, got none: it is required'],
    ],
    [
      'a field or key that is not known',
      { customers: { ...c, nmae: 'name', phone: { column: 'p', contry: 'DE' } } },
      [
        'targets.customers.fields: "nmae" is not known here; expected some of externalId, name, email,',
        'targets.customers.fields.phone: "contry" is not known here; expected some of column, template,',
      ],
    ],
    [
      'a choice that is none',
      { customers: { ...c, email: { column: 'email', invalid: 'drop' } } },
      ['targets.customers.fields.email.invalid: expected one of reject, null; got "drop"'],
    ],
    [
      'constants that are none of their kind',
      {
        products: { ...products, price: { constant: '1,5' }, currency: { constant: 'EURO' } },
        customers: {
          ...c,
          email: { column: 'e', default: 'nobody' },
          createdAt: { constant: '1.2.2024' },
          phone: { column: 'p', country: { constant: 'Germany' } },
        },
      },
      [
        'targets.products.fields.price.constant: expected a number such as "1234.5"',
        'targets.products.fields.currency.constant: expected a currency code',
        'targets.customers.fields.email.default: expected an email address',
        'targets.customers.fields.createdAt.constant: expected a date in ISO 8601',
        'targets.customers.fields.phone.country.constant: expected a country code',
      ],
    ],
    [
      'a format of dates that tells no day',
      { customers: { ...c, createdAt: { column: 'd', format: 'HH:mm' } } },
      ['targets.customers.fields.createdAt.format: expected a Luxon format with year, month and day'],
    ],
    [
      'a format of hours to twelve without AM or PM',
      { customers: { ...c, createdAt: { column: 'd', format: ['yyyy-MM-dd', 'yyyy-MM-dd hh:mm'] } } },
      ['got "yyyy-MM-dd hh:mm"'],
    ],
    [
      'a form of numbers that contradicts itself',
      { products: { ...products, price: { column: 'price', decimalPoint: ',', grouping: ',' } } },
      ['targets.products.fields.price: grouping: expected a character other than the decimal point ","'],
    ],
    ...['.', ',.'].map((symbol): [string, Record<string, object>, readonly string[]] => [
      `a symbol that would be taken for a part of the number: ${symbol}`,
      { products: { ...products, price: { column: 'price', grouping: ',', symbol } } },
      [`symbol: expected something other than the decimal point or the thousands separator, got "${symbol}"`],
    ]),
    [
      'digits grouped by a letter',
      { products: { ...products, price: { column: 'price', grouping: 'k' } } },
      ['grouping: expected no letter, digit, sign or bracket, got "k"'],
    ],
    [
      'a template without a column',
      { customers: { ...c, name: { template: 'Ann' } } },
      ['targets.customers.fields.name.template: expected a column in it, such as {name}'],
    ],
    [
      'a constant that its own words do not have',
      { customers: { ...c, status: { constant: 'x', values: { y: 'LEAD' } } } },
      ['targets.customers.fields.status.constant: expected a word of "values", got "x"'],
    ],
  ])('%s', async (_, targets, said) => {
    const error = await importFrom('mysql://unused/unused', await folderOf({}), mappingOf(targets)).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ name: 'CliError', exitCode: 65 });
    for (const text of said) expect(String(error)).toContain(text);
    expect(String(error).split('\n')).toHaveLength(said.length + 1);
  });
});

test('rejected rows are in one file per target, with column and reason', async () => {
  const url = await freshDatabase();
  const block = (file: string, name: string) => ({
    file,
    fields: { externalId: 'id', name, createdAt: { template: '{y}-01-01' } },
  });
  const mapping = { name: 'test', targets: { customers: [block('a.csv', 'name'), block('b.csv', 'title')] } };
  const folder = await folderOf({ 'a.csv': 'id,name,y\n1,,2024\n2,Ann,x\n3,Bob\n', 'b.csv': 'id,title,y\n4,,2024\n' });
  const { counts, rejects } = await importFrom(url, folder, mapping);
  expectSums(counts);
  expect(rejects).toEqual({
    'customers.rejected.csv': [
      '2,"name: expected a value, got none","name","a.csv","1,,2024"',
      '3,"createdAt: expected a date in ISO 8601, such as 2026-01-31, got ""x-01-01""","{y}-01-01","a.csv","2,Ann,x"',
      '4,"expected 3 columns, got 2","","a.csv","3,Bob"',
      '2,"name: expected a value, got none","title","b.csv","4,,2024"',
    ],
  });
});
