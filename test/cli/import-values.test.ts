import { afterEach, describe, expect, test } from '@jest/globals';
import {
  cleanUpImports,
  customers,
  folderOf,
  freshDatabase,
  importFrom,
  mappingOf,
  orders,
  products,
} from './import-run.ts';
import { query } from './table-contents.ts';

afterEach(cleanUpImports);

/** Imports products whose prices have a given format; returns the stored prices and the rejected rows. */
async function pricesOf(cells: readonly string[], form: object) {
  const url = await freshDatabase();
  const rows = cells.map((cell, index) => `p${String(index).padStart(2, '0')}\t${cell}`);
  const folder = await folderOf({ 'products.csv': `sku\tprice\n${rows.join('\n')}\n` });
  const fields = { ...products, price: { column: 'price', ...form } };
  const mapping = { name: 'test', csv: { delimiter: '\t' }, targets: { products: { file: 'products.csv', fields } } };
  const { rejects } = await importFrom(url, folder, mapping);
  const stored = await query(url, 'SELECT price FROM products ORDER BY sku');
  return { stored: stored.map((row) => row['price']), rejected: rejects['products.rejected.csv']?.length ?? 0 };
}

describe('a number is accepted only if the whole cell has the form that the mapping specifies', () => {
  test.each<[string, object, readonly string[], readonly string[], readonly string[]]>([
    [
      'plain',
      {},
      ['12', '-1.5', '+2.25', '.5'],
      ['12.0000', '-1.5000', '2.2500', '0.5000'],
      ['1,5', '1.2.3', '1 2', '1e3', '0x10', '5 %', '--1', '1-', '(1)', '$1', 'Infinity', '٣'],
    ],
    ['with a decimal comma', { decimalPoint: ',' }, ['1,5'], ['1.5000'], ['1.234', '1.5', '1.234,5', '1,2,3']],
    [
      'in groups',
      { decimalPoint: ',', grouping: '.' },
      ['1.234,5', '12.345.678', '1234,5'],
      ['1234.5000', '12345678.0000', '1234.5000'],
      ['1.23', '12.34,5', '1.2345', '.234', '1..234', '1.234.5'],
    ],
    [
      'in groups, of which the first begins with no zero',
      { decimalPoint: ',', grouping: '.' },
      ['0', '0,5', '007', '100.500', '1.000'],
      ['0.0000', '0.5000', '7.0000', '100500.0000', '1000.0000'],
      ['0.500', '-0.500', '00.750', '0.001', '0.001.000', '0.500,5'],
    ],
    ['in groups by commas', { grouping: ',' }, ['0.001', '1,001'], ['0.0010', '1001.0000'], ['0,001', '00,001']],
    [
      'in Indian groups',
      { grouping: ',', groupSizes: 'indian' },
      ['12,34,567.5', '1,00,000', '999'],
      ['1234567.5000', '100000.0000', '999.0000'],
      ['1,234,567', '123,456', '1,00,00', '0,12,345', '00,12,345', '0,123'],
    ],
    [
      'with a currency’s sign',
      { symbol: '$', grouping: ',' },
      ['$12', '-$1,234.50', '$-3', '4 $', '5'],
      ['12.0000', '-1234.5000', '-3.0000', '4.0000', '5.0000'],
      ['€12', '$$12', '$12$', '-$-3', '$'],
    ],
    [
      'with the sign at the end',
      { negative: 'trailing' },
      ['12-', '12'],
      ['-12.0000', '12.0000'],
      ['-12', '12--', '-'],
    ],
    [
      'in brackets where negative',
      { negative: 'parentheses', symbol: '€' },
      ['(12.50)', '(€3)', '€(4)'],
      ['-12.5000', '-3.0000', '-4.0000'],
      ['(12', '12)', '-12', '((1))'],
    ],
    [
      'as a percentage',
      { percent: true },
      ['15', '15 %', '7.5%'],
      ['0.1500', '0.1500', '0.0750'],
      ['%', '15 %%', '15 percent'],
    ],
    ['turned round', { negate: true }, ['5', '-5'], ['-5.0000', '5.0000'], []],
  ])('%s', async (...[, form, taken, stored, refused]) => {
    expect(await pricesOf([...taken, ...refused], form)).toEqual({ stored, rejected: refused.length });
  });
});

const OFFSETS = ['+99:00', '-14:01', '+05:99'].map((offset) => `2024-01-01T10:00${offset}`);

describe('a date is accepted only if the whole cell is one', () => {
  test.each<[string, object, readonly string[], readonly string[], readonly string[]]>([
    [
      'in ISO 8601',
      {},
      ['2024-02-29', '2024-02-29T10:30:00+02:00', '20240131'],
      ['2024-02-29 00:00:00.000', '2024-02-29 08:30:00.000', '2024-01-31 00:00:00.000'],
      ['20', '2024', '2024-02', '10:30', 'T10', '2023-02-29', '2024-02-29 x', '12', '2024-W05', ...OFFSETS],
    ],
    [
      'in a format',
      { format: ['dd.MM.yyyy', 'd MMM yy'] },
      ['31.01.2024', '1 Feb 24'],
      ['2024-01-31 00:00:00.000', '2024-02-01 00:00:00.000'],
      ['31.1.2024', '31.01.2024 10:00', '2024-01-31', '30.02.2024'],
    ],
  ])('%s', async (...[, form, taken, stored, refused]) => {
    const url = await freshDatabase();
    const rows = [...taken, ...refused].map((cell, index) => `${10 + index},n,${cell}`);
    const folder = await folderOf({ 'customers.csv': `id,name,since\n${rows.join('\n')}\n` });
    const fields = { externalId: 'id', name: 'name', createdAt: { column: 'since', ...form } };
    const { counts } = await importFrom(url, folder, mappingOf({ customers: fields }));
    const found = await query(url, 'SELECT created_at FROM customers ORDER BY external_id');
    expect(found.map((row) => row['created_at'])).toEqual(stored);
    expect(counts['customers']?.[4]).toBe(refused.length);
  });
});

test('a local time that was skipped is refused, and one with an offset is taken as it is', async () => {
  const url = await freshDatabase();
  const cells = [
    '2024-03-31T01:30',
    '2024-03-31T02:30',
    '2024-03-31T02:30Z',
    '2024-03-31T02:30+01:00',
    '2024-10-27T02:30',
  ];
  const folder = await folderOf({
    'customers.csv': `id,name,since\n${cells.map((cell, index) => `${index},n,${cell}`).join('\n')}\n`,
  });
  const fields = { externalId: 'id', name: 'name', createdAt: { column: 'since', timeZone: 'Europe/Berlin' } };
  const { rejects } = await importFrom(url, folder, mappingOf({ customers: fields }));
  expect(rejects['customers.rejected.csv']).toEqual([
    '3,"createdAt: expected a time that exists in Europe/Berlin, got ""2024-03-31T02:30""","since","customers.csv","1,n,2024-03-31T02:30"',
  ]);
  const found = await query(url, 'SELECT created_at FROM customers ORDER BY external_id');
  expect(found.map((row) => row['created_at'])).toEqual([
    '2024-03-31 00:30:00.000',
    '2024-03-31 02:30:00.000',
    '2024-03-31 01:30:00.000',
    '2024-10-27 00:30:00.000',
  ]);
});

describe('what a cell says is stored', () => {
  test('a currency is accepted only if the whole cell is a code', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      'products.csv': 'sku,price,c\nA,1,EUR\nB,1,eur\nC,1,EURO\nD,1,€\nE,1,XXQ\nF,1,E UR\n',
    });
    const { counts } = await importFrom(url, folder, mappingOf({ products: { ...products, currency: 'c' } }));
    expect(counts['products']).toEqual([6, 1, 0, 0, 5]);
  });

  test('a template keeps white space within values, and drops its own next to an empty column', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      'customers.csv': 'id,a,b,c\n1,"Two  blanks   and three",,End\n2,,B,\n3,A,B,C\n4,A,,\n',
    });
    const fields = { externalId: 'id', name: { template: ' {a} {b} {c} ' }, company: { template: '{b}:  {c}' } };
    await importFrom(url, folder, mappingOf({ customers: fields }));
    expect(await query(url, 'SELECT name, company FROM customers ORDER BY external_id')).toEqual([
      { name: 'Two  blanks   and three End', company: ':  End' },
      { name: 'B', company: 'B:' },
      { name: 'A B C', company: 'B:  C' },
      { name: 'A', company: null },
    ]);
  });

  test('an empty cell of an optional column gives the default, or keeps a stored date', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      'customers.csv': 'id,name,email,state,since\n1,Ann,,,\n2,Bob,,ACTIVE,2020-01-01\n',
      'orders.csv': 'no,customer,state,changed,total\nO1,1,,,\n',
      'tickets.csv': 'no,customer,state,prio,changed\nT1,1,,,\n',
    });
    const at = { constant: '2024-01-01' };
    const mapping = mappingOf({
      customers: { ...customers, status: 'state', createdAt: 'since' },
      orders: { ...orders, status: 'state', updatedAt: 'changed', total: 'total' },
      tickets: {
        ...{ number: 'no', customer: 'customer', subject: 'no', openedAt: at },
        ...{ status: 'state', priority: 'prio', updatedAt: 'changed' },
      },
    });
    expect((await importFrom(url, folder, mapping)).exitCode).toBe(0);
    const stored = async () => [
      await query(url, 'SELECT status, created_at IS NULL AS x FROM customers ORDER BY external_id'),
      await query(url, 'SELECT status, total FROM orders'),
      await query(url, 'SELECT status, priority FROM tickets'),
    ];
    const first = await stored();
    expect(first).toEqual([
      [expect.objectContaining({ status: 'LEAD' }), expect.objectContaining({ status: 'ACTIVE' })],
      [{ status: 'PENDING', total: '0.0000' }],
      [{ status: 'OPEN', priority: 'NORMAL' }],
    ]);
    const { counts } = await importFrom(url, folder, mapping);
    expect(counts).toMatchObject({ customers: [2, 0, 0, 2, 0], orders: [1, 0, 0, 1, 0], tickets: [1, 0, 0, 1, 0] });
  });

  test('YAML values are text as written, also constants, defaults and words of a map', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      'c.csv': 'id,code,zip\n1,01,\n2,1,\n3,yes,0x1F\n4,null,~\n5,1.0,\n6,~,\n',
      'mapping.yaml': `
name: 007
csv: { trim: true }
targets:
  customers:
    file: c.csv
    fields:
      externalId: id
      name: { column: code, values: { 01: one, 1: 1e3, yes: True, null: NO, 1.0: 0o17, ~: null }, default: 1_000 }
      company: { constant: 01067 }
      addresses: [{ line1: { column: zip, default: 00100 } }]
`,
    });
    expect((await importFrom(url, folder, `${folder}/mapping.yaml`)).exitCode).toBe(0);
    expect(await query(url, 'SELECT name, company FROM customers ORDER BY external_id')).toEqual(
      ['one', '1e3', 'True', 'NO', '0o17', '1_000'].map((name) => ({ name, company: '01067' })),
    );
    const lines = await query(url, 'SELECT line1 FROM customer_addresses ORDER BY customer_id');
    expect(lines.map((row) => row['line1'])).toEqual(['00100', '00100', '0x1F', '~', '00100', '00100']);
  });
});
