import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
import { contradictions, query, rowCounts } from './table-contents.ts';

afterEach(cleanUpImports);

describe('a mapping', () => {
  test('that is wrong is refused with every problem and its path, exit code 65', async () => {
    const wrong = {
      name: 'test',
      targets: {
        customers: { file: 'c.csv', fields: { externalId: 'id', name: { column: 'a', constant: 'b' }, shoeSize: 'x' } },
        orders: { file: { may: 'x' }, fields: {} },
      },
    };
    const error = await importFrom('mysql://unused/unused', await folderOf({}), wrong).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ exitCode: 65 });
    const message = String(error);
    expect(message).toMatch(
      /targets\.customers\.fields\.name: expected one of column, template, constant; got column and constant/,
    );
    expect(message).toMatch(
      /targets\.customers\.fields: "shoeSize" is not known here; expected some of externalId, name/,
    );
    expect(message).toMatch(/targets\.orders\.file: expected a text or a list, got names with values/);
    expect(message).toMatch(/targets\.orders\.fields\.number: expected a value, got none: it is required/);
  });

  const rows = Array.from({ length: 300 }, (_, index) => `"${index}","Ann"`).join('\n');
  test.each<[string, string | Buffer, string]>([
    ['YAML that ends too early', 'name: [1,', 'line 1, column 10: Flow sequence'],
    ['a CSV file with quotes', `"id","name"\n${rows}`, 'line 1, column 5: Unexpected scalar'],
    [
      'a CSV file',
      'id,name\n1,Ann\n',
      'line 1, column 1: expected names with values, such as "name: acme", got a text',
    ],
    ['a program', readFileSync(process.execPath).subarray(0, 200_000), 'line '],
    ['a picture', readFileSync(new URL('../../docs/graphiql.png', import.meta.url)), 'line '],
    ['a list', '# Mine\n- a\n', 'line 2, column 1: expected names with values, such as "name: acme", got a list'],
    ['nothing', '', 'line 1, column 1: expected names with values, such as "name: acme", got nothing'],
    ['an alias of nothing', 'name: a\ncsv: *b\n', 'line 2, column 6: there is no anchor &b'],
  ])('that is %s is refused in one line with the place, exit code 65', async (_, content, said) => {
    const folder = await folderOf({ 'bad.yaml': content });
    const path = join(folder, 'bad.yaml');
    const error = await importFrom('mysql://unused/unused', folder, path).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'CliError', exitCode: 65 });
    const { message } = error as Error;
    expect(message).toContain(`The mapping ${path} is not YAML as expected: ${said}`);
    expect(message).toMatch(/: line \d+, column \d+: [^\p{C}]{5,200}$/u);
  });

  test('that is missing is refused with exit code 66', async () => {
    const folder = await folderOf({});
    const refused = importFrom('mysql://unused/unused', folder, join(folder, 'none.yaml'));
    await expect(refused).rejects.toMatchObject({ exitCode: 66 });
  });

  test.each([
    ['a file that is missing', {}, { customers }, 66, /names customers\.csv, but there is no such file/],
    [
      'a column that is missing',
      { 'customers.csv': 'id,name\n' },
      { customers },
      65,
      /customers\.csv has no column "email"; it has id, name/,
    ],
    ['an empty file', { 'customers.csv': '' }, { customers }, 65, /customers\.csv: .*the file is empty/],
    ['a column that appears twice', { 'customers.csv': 'id,id\n' }, { customers }, 65, /it has id#1, id#2/],
    [
      'a value map that is missing',
      { 'customers.csv': 'id,name,email\n' },
      { customers: { ...customers, status: { column: 'name', values: 'states' } } },
      65,
      /no value map called "states"/,
    ],
    [
      'a time zone that is none',
      { 'customers.csv': 'id,name,email\n' },
      { customers: { ...customers, createdAt: { column: 'name', timeZone: 'Mars/Base' } } },
      65,
      /createdAt\.timeZone: expected a time zone such as Europe\/Berlin, got "Mars\/Base"/,
    ],
  ])('that names %s is refused before anything is written', async (...[, files, targets, exitCode, message]) => {
    const folder = await folderOf(files);
    const error = await importFrom('mysql://unused/unused', folder, mappingOf(targets)).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ exitCode });
    expect(String(error)).toMatch(message);
  });

  test('joins a file by a key that may appear in it only once', async () => {
    const folder = await folderOf({ 'customers.csv': 'id,name,email\n1,A,\n', 'more.csv': 'key,x\n1,a\n1,b\n' });
    const joins = { more: { file: 'more.csv', key: 'key', on: 'id' } };
    const mapping = { name: 'test', targets: { customers: { file: 'customers.csv', joins, fields: customers } } };
    await expect(importFrom('mysql://unused/unused', folder, mapping)).rejects.toThrow(
      /more\.csv, line 3: expected each key only once in a joined file, got "1" again/,
    );
  });
});

describe('a row that is wrong', () => {
  test('is rejected with its line and reason, and the others are imported', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      'customers.csv': Buffer.concat([
        Buffer.from('id,name,email\r\n1,Ann,ann@example.com\r\n2,"Half\r\n3,Cat\r\n4,Dan,not-an-address\r\n'),
        Buffer.from('5,Eve \xff,\r\n', 'latin1'),
        Buffer.from('6,Fay,fay@example.com,extra\r\n7,,\r\n1,Again,\r\n8,Guy,ANN@example.com\r\n9,"x"y,\r\n'),
        Buffer.from(`10,${'n'.repeat(201)},\r\n11,"Two\r\nlines",l@example.com\r\n\r\n12,Last,`),
      ]),
    });
    const { exitCode, counts, rejects } = await importFrom(url, folder, mappingOf({ customers }));
    expect(exitCode).toBe(1);
    expect(counts['customers']).toEqual([13, 2, 0, 0, 11]);
    expect((await query(url, 'SELECT name FROM customers ORDER BY id')).map((row) => row['name'])).toEqual([
      'Ann',
      'Last',
    ]);
    const reasons = (rejects['customers.rejected.csv'] ?? []).map((line) => line.split('","')[0]);
    expect(new Set(reasons)).toEqual(
      new Set([
        // The quote opened on line 3 meets the one on line 11, in the middle of a cell.
        '3,"column 2 continues after its closing quote',
        '4,"expected 3 columns, got 2',
        '5,"email: expected an email address in ASCII, got ""not-an-address""',
        '6,"column 2 has bytes that are not text in its encoding',
        '7,"expected 3 columns, got 4',
        '8,"name: expected a value, got none',
        '9,"the key ""1"" was on line 2 of customers.csv already',
        '10,"email: ""ann@example.com"" belongs to another customer (1)',
        '11,"column 2 continues after its closing quote',
        '12,"name: expected at most 200 characters, got 201',
        '13,"name: expected one line without tabs, got ""Two\\r\\nlines""',
        // The row as it came goes on in a second line.
        'lines"",l@example.com"',
      ]),
    );
    expect(await contradictions(url)).toEqual([]);
  });

  test('rejects its whole order: never half of one', async () => {
    const url = await freshDatabase();
    const many = Array.from({ length: 201 }, () => 'O6,P,1,1').join('\n');
    const folder = await folderOf({
      'customers.csv': 'id,name,email\n1,Ann,\n',
      'products.csv': 'sku,price\nP,1.50\n',
      'orders.csv': 'no,customer\nO1,1\nO2,1\nO3,nobody\nO4,1\nO5,1\nO6,1\nO7,1\n',
      'orderItems.csv':
        'no,sku,pieces,price\nO1,P,2,1.50\nO2,P,1,1.50\nO2,unknown,1,1\nO3,P,1,1\nO4,P,0,1\nO4,P,1,1\nO5,P,2,999999999999999\n' +
        `O9,P,1,1\n${many}\nO7,P,1,12.34567\n`,
    });
    const mapping = mappingOf({ customers, products, orders, orderItems });
    const { exitCode, counts, rejects } = await importFrom(url, folder, mapping);
    expect(exitCode).toBe(1);
    expectSums(counts);
    expect(counts['orders']).toEqual([7, 1, 0, 0, 6]);
    expect(counts['orderItems']).toEqual([210, 1, 0, 0, 209]);
    expect(await query(url, 'SELECT number, total FROM orders')).toEqual([{ number: 'O1', total: '3.0000' }]);
    expect((await rowCounts(url))['order_items']).toBe(1);
    const reasons = rejects['orders.rejected.csv']?.join('\n');
    expect(reasons).toMatch(
      /^3,"item on line 4 of orderItems\.csv was rejected: product: expected one of the products/m,
    );
    expect(reasons).toMatch(/^4,"customer: expected one of the customers in the database, got ""nobody"""/m);
    expect(reasons).toMatch(/^5,"item on line 6 .*quantity: expected a whole number from 1/m);
    expect(reasons).toMatch(
      /^6,"the total of the item has more than 15 digits|^6,"item on line 8 .*more than 15 digits/m,
    );
    expect(reasons).toMatch(/^7,"expected at most 200 items in an order, got 201"/m);
    expect(reasons).toMatch(/^8,"item on line \d+ .*at most 15 digits before and 4 after the point, got ""12.34567""/m);
    const lines = rejects['orderItems.rejected.csv']?.join('\n');
    expect(lines).toMatch(/^3,"another item of its order, on line 4/m);
    expect(lines).toMatch(/^5,"its order was rejected: customer/m);
    expect(lines).toMatch(/^9,"order: expected one of the orders in the files or the database, got ""O9"""/m);
    expect(await contradictions(url)).toEqual([]);
  });

  test('has more than 20 tags, or an unknown word or reference', async () => {
    const url = await freshDatabase();
    const tags = Array.from({ length: 21 }, (_, index) => `t${index}`).join(';');
    const folder = await folderOf({
      'customers.csv': `id,name,email,tags,state,owner\n1,A,,${tags},x,\n2,B,,,strange,\n3,C,,,x,nobody\n4,D,,a;b,x,\n`,
    });
    const fields = {
      ...customers,
      tags: [{ column: 'tags', split: ';' }],
      status: { column: 'state', values: { x: 'ACTIVE' } },
      owner: 'owner',
    };
    const { counts, rejects } = await importFrom(url, folder, mappingOf({ customers: fields }));
    expect(counts['customers']).toEqual([4, 1, 0, 0, 3]);
    expect(rejects['customers.rejected.csv']?.map((line) => line.split('","')[0])).toEqual([
      '2,"tags: expected at most 20 tags, got 21',
      '3,"status: the mapping has no value for ""strange""',
      '4,"owner: expected one of the agents in the database, got ""nobody""',
    ]);
  });

  test('is rejected alone when only the server finds it wrong', async () => {
    const url = await freshDatabase();
    // Each of the two orders fits DECIMAL(19,4), but their customer's sum does not.
    const folder = await folderOf({
      'customers.csv': 'id,name,email\n1,Ann,\n2,Bob,\n',
      'orders.csv': 'no,customer,total\nO1,1,900000000000000\nO2,2,5\nO3,1,900000000000000\n',
    });
    const mapping = mappingOf({ customers, orders: { ...orders, total: 'total' } });
    const { counts, rejects } = await importFrom(url, folder, mapping);
    expect(counts['orders']).toEqual([3, 2, 0, 0, 1]);
    expect(rejects['orders.rejected.csv']?.[0]).toMatch(/^4,"the database refused it: Out of range/);
    expect((await query(url, 'SELECT number FROM orders ORDER BY number')).map((row) => row['number'])).toEqual([
      'O1',
      'O2',
    ]);
  });

  test('of an interaction names a ticket of another customer', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({
      'customers.csv': 'id,name,email\n1,Ann,\n2,Bob,\n',
      'tickets.csv': 'no,customer\nT1,1\n',
      'interactions.csv': 'id,customer,ticket\nI1,2,T1\nI2,1,T1\n',
    });
    const at = { constant: '2024-01-01' };
    const text = { constant: 'x' };
    const tickets = { number: 'no', customer: 'customer', subject: text, openedAt: at };
    const kind = { constant: 'NOTE' };
    const interactions = { externalId: 'id', customer: 'customer', ticket: 'ticket', kind, body: text, occurredAt: at };
    const { counts, rejects } = await importFrom(url, folder, mappingOf({ customers, tickets, interactions }));
    expect(counts['interactions']).toEqual([2, 1, 0, 0, 1]);
    expect(rejects['interactions.rejected.csv']?.[0]).toMatch(/^2,"ticket: expected a ticket of the same customer/);
    expect(await contradictions(url)).toEqual([]);
  });
});
