import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { runImport } from '../../src/cli/import.ts';
import { orGiveUp } from '../support/patience.ts';
import { captureCli } from './captured-cli.ts';
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

const root = join(import.meta.dirname, '../..');
const fixture = join(root, 'test/fixtures/crm');

afterEach(cleanUpImports);

describe('a mapping', () => {
  test('says where every value comes from and how it is written', async () => {
    const url = await freshDatabase();
    const { exitCode, counts, output, leftEmpty } = await importFrom(url, fixture, join(fixture, 'mapping.yaml'));
    expect(output).toMatch(/customers: 1 value could not be read and was left empty/);
    expect(leftEmpty).toEqual([
      'file,line,column,value,reason',
      '"contacts.csv",4,"phone","12","phone: expected a telephone number of FR, got ""12"""',
    ]);
    expect(exitCode).toBe(0);
    expectSums(counts);
    expect(await contradictions(url)).toEqual([]);
    expect(
      await query(
        url,
        `SELECT c.external_id, c.name, c.email, phone, company, status, a.external_id AS owner, c.created_at
         FROM customers c LEFT JOIN agents a ON a.id = c.owner_id ORDER BY c.external_id`,
      ),
    ).toEqual([
      {
        external_id: 'X-1',
        name: 'Käthe Groß',
        email: 'kaethe@example.com',
        phone: '+4930901820',
        company: 'Groß & Söhne',
        status: 'ACTIVE',
        owner: 'jd',
        created_at: '2024-02-29 22:30:00.000',
      },
      {
        external_id: 'X-2',
        name: 'René',
        email: null,
        phone: '+33142685300',
        company: null,
        status: 'LEAD',
        owner: 'mo',
        created_at: '2023-06-30 22:30:00.000',
      },
      {
        external_id: 'X-3',
        name: "Zoë D'Arc",
        email: 'zoe@example.com',
        phone: null,
        company: 'Arc "Quoted" Ltd',
        status: 'CHURNED',
        owner: null,
        created_at: '2020-01-15 11:00:00.000',
      },
    ]);
    expect(
      await query(
        url,
        `SELECT c.external_id AS id, tag FROM customer_tags t JOIN customers c ON c.id = t.customer_id
         ORDER BY c.external_id, tag`,
      ),
    ).toEqual([
      { id: 'X-1', tag: 'b2b' },
      { id: 'X-1', tag: 'vip' },
      { id: 'X-1', tag: 'zone north' },
      { id: 'X-2', tag: 'zone west' },
      { id: 'X-3', tag: 'newsletter' },
      { id: 'X-3', tag: 'zone west' },
    ]);
    expect(await query(url, 'SELECT line1, postal_code, city, country FROM customer_addresses ORDER BY city')).toEqual([
      { line1: 'Hauptstraße 1', postal_code: '10115', city: 'Berlin', country: 'DE' },
      { line1: "2, rue de l'Église", postal_code: '25000', city: 'Besançon', country: 'FR' },
    ]);
    expect(await query(url, 'SELECT sku, price, currency FROM products ORDER BY sku')).toEqual([
      { sku: 'A-1', price: '1299.9000', currency: 'EUR' },
      { sku: 'A-2', price: '7.5000', currency: 'EUR' },
    ]);
    expect(await query(url, 'SELECT number, status, total, placed_at FROM orders ORDER BY number')).toEqual([
      { number: 'S-1', status: 'PAID', total: '2340.1600', placed_at: '2024-03-31 00:30:00.000' },
      { number: 'S-2', status: 'CANCELLED', total: '22.5000', placed_at: '2024-03-31 22:00:00.000' },
      { number: 'S-3', status: 'PENDING', total: '0.0000', placed_at: '2024-04-02 10:00:00.000' },
    ]);
    expect(await query(url, 'SELECT discount, total FROM order_items ORDER BY total DESC')).toEqual([
      { discount: '0.1000', total: '2339.8200' },
      { discount: '0.0000', total: '22.5000' },
      { discount: '0.0000', total: '0.3400' },
    ]);
    expect(
      await query(url, 'SELECT number, subject, status, priority, closed_at FROM tickets ORDER BY number'),
    ).toEqual([
      { number: 'T1', subject: 'Printer on fire', status: 'OPEN', priority: 'URGENT', closed_at: null },
      {
        number: 'T2',
        subject: 'Two lines',
        status: 'CLOSED',
        priority: 'NORMAL',
        closed_at: '2024-05-03 08:00:00.000',
      },
    ]);
    expect(
      await query(
        url,
        `SELECT i.external_id AS id, kind, body, t.number AS ticket FROM interactions i
         LEFT JOIN tickets t ON t.id = i.ticket_id ORDER BY i.external_id`,
      ),
    ).toEqual([
      { id: 'act-1', kind: 'CALL', body: 'Called, no answer 📞', ticket: 'T1' },
      { id: 'act-2', kind: 'NOTE', body: 'Prefers e-mail', ticket: null },
    ]);
  });
});

describe('an import', () => {
  test('needs no more memory for larger files', async () => {
    const url = await freshDatabase();
    const note = 'note '.repeat(600);
    const notes = Array.from({ length: 30_000 }, (_, index) => `${index},1,${note}`).join('\n');
    const text = { constant: 'NOTE' };
    const fields = {
      externalId: 'id',
      customer: 'customer',
      kind: text,
      body: 'body',
      occurredAt: { constant: '2024-01-01' },
    };
    const folder = await folderOf({
      'customers.csv': 'id,name,email\n1,Ann,\n',
      // 90 MB, while the process may use 56.
      'interactions.csv': `id,customer,body\n${notes}\n`,
      'mapping.yaml': JSON.stringify(mappingOf({ customers, interactions: fields })),
    });
    const program = `
      import { runImport } from ${JSON.stringify(new URL('../../src/cli/import.ts', import.meta.url).href)};
      const { stdout, stderr } = process;
      const cli = { env: {}, signal: new AbortController().signal, stdout, stderr };
      const paths = ${JSON.stringify({ folder, mapping: join(folder, 'mapping.yaml'), rejects: folder })};
      process.exitCode = await runImport(paths, cli, ${JSON.stringify(url)});`;
    const child = spawn(process.execPath, ['--max-old-space-size=56', '--input-type=module', '--eval', program], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(await orGiveUp('the process to end', once(child, 'exit'))).toEqual([0, null]);
    expect((await rowCounts(url))['interactions']).toBe(30_000);
  });
});

describe('values that were left empty as the mapping allows', () => {
  const fields = {
    ...customers,
    email: { column: 'email', invalid: 'null' },
    phone: { template: '{code} {phone}', invalid: 'null' },
    owner: 'owner',
  };
  const files = {
    'customers.csv': [
      'id,name,email,code,phone,owner',
      '1,Ann,"ann ""at"" home",,,',
      '2,Bob,bob@example.com,0,12,',
      '3,,nowhere,,,',
      '1,Ann again,elsewhere,,,',
      `4,Dan,${'x'.repeat(60)},0,13,`,
      '5,Eve,of an unknown agent,,,nobody',
    ].join('\n'),
  };

  test('are listed with their place, except for those of rejected rows', async () => {
    const url = await freshDatabase();
    const folder = await folderOf(files);
    const { exitCode, counts, output, leftEmpty } = await importFrom(url, folder, mappingOf({ customers: fields }));
    expect([exitCode, counts['customers']]).toEqual([1, [6, 3, 0, 0, 3]]);
    expect(output).toMatch(/^customers: 4 values could not be read and were left empty: email 2, phone 2\.$/m);
    const email = 'email: expected an email address in ASCII, got';
    const phone = 'phone: expected a telephone number in international form (no country is known), got';
    expect(leftEmpty?.slice(1)).toEqual([
      `"customers.csv",2,"email","ann ""at"" home","${email} ""ann \\""at\\"" home"""`,
      `"customers.csv",3,"{code} {phone}","0 12","${phone} ""0 12"""`,
      `"customers.csv",6,"email","${'x'.repeat(60)}","${email} ""${'x'.repeat(39)}…"`,
      `"customers.csv",6,"{code} {phone}","0 13","${phone} ""0 13"""`,
    ]);
    expect(await query(url, 'SELECT name, email, phone FROM customers ORDER BY id')).toEqual([
      { name: 'Ann', email: null, phone: null },
      { name: 'Bob', email: 'bob@example.com', phone: null },
      { name: 'Dan', email: null, phone: null },
    ]);
  });

  test('of an earlier import are not listed again by a later one', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({ ...files, 'mapping.yaml': JSON.stringify(mappingOf({ customers: fields })) });
    const args = { folder, mapping: join(folder, 'mapping.yaml'), rejects: folder };
    expect(await runImport(args, captureCli().cli, url)).toBe(1);
    expect(existsSync(join(folder, 'left-empty.csv'))).toBe(true);
    await writeFile(join(folder, 'customers.csv'), 'id,name,email,code,phone,owner\n1,Ann,ann@example.com,,,\n');
    const { cli, output } = captureCli();
    expect(await runImport(args, cli, url)).toBe(0);
    expect(output()).not.toMatch(/left empty/i);
    expect(existsSync(join(folder, 'left-empty.csv'))).toBe(false);
  });
});

describe('importing again', () => {
  test('changes what changed in the files, keeps ids, and records who changed what', async () => {
    const url = await freshDatabase();
    const mapping = mappingOf({
      customers: { ...customers, tags: [{ column: 'tags', split: ';' }] },
      products,
      orders,
      orderItems,
    });
    const files = {
      'customers.csv': 'id,name,email,tags\n1,Ann,ann@example.com,a;b\n2,Bob,,\n',
      'products.csv': 'sku,price\nP,1.50\nQ,2\n',
      'orders.csv': 'no,customer\nO1,1\nO2,2\n',
      'orderItems.csv': 'no,sku,pieces,price\nO1,P,2,1.50\nO1,Q,1,2\nO2,Q,1,2\n',
    };
    await importFrom(url, await folderOf(files), mapping);
    const ids = await query(url, 'SELECT id, external_id FROM customers ORDER BY id');
    const second = await importFrom(
      url,
      await folderOf({
        ...files,
        'customers.csv': 'id,name,email,tags\n1,Anna,ann@example.com,b;c\n2,Bob,,\n3,Cat,,\n',
        'orders.csv': 'no,customer\nO1,2\nO2,2\n',
        'orderItems.csv': 'no,sku,pieces,price\nO1,P,3,1.50\nO2,Q,1,2\n',
      }),
      mapping,
    );
    expect(second.exitCode).toBe(0);
    expect(second.counts).toEqual({
      customers: [3, 1, 1, 1, 0],
      products: [2, 0, 0, 2, 0],
      orders: [2, 0, 1, 1, 0],
      orderItems: [2, 0, 1, 1, 0],
    });
    expect((await query(url, 'SELECT id, external_id FROM customers ORDER BY id')).slice(0, 2)).toEqual(ids);
    expect(await query(url, 'SELECT name, version FROM customers ORDER BY external_id')).toEqual([
      { name: 'Anna', version: 2 },
      { name: 'Bob', version: 1 },
      { name: 'Cat', version: 1 },
    ]);
    const [change] = await query(url, 'SELECT * FROM customer_changes WHERE version = 2');
    expect(change).toMatchObject({ action: 'IMPORTED', actor: 'import:test' });
    expect(JSON.parse(String(change?.['changes']))).toEqual([
      { field: 'name', before: 'Ann', after: 'Anna' },
      { field: 'tags', before: 'a, b', after: 'b, c' },
    ]);
    // The order moved from Ann to Bob and lost a line.
    expect(await query(url, 'SELECT order_count FROM customer_stats ORDER BY customer_id')).toEqual([
      { order_count: 0 },
      { order_count: 2 },
      { order_count: 0 },
    ]);
    expect(await contradictions(url)).toEqual([]);
  });

  test('keeps what is not in the mapping', async () => {
    const url = await freshDatabase();
    const folder = await folderOf({ 'customers.csv': 'id,name,email\n1,Ann,ann@example.com\n' });
    await importFrom(url, folder, mappingOf({ customers }));
    await query(url, "UPDATE customers SET phone = '+4930901820', owner_id = 7");
    await query(
      url,
      "INSERT INTO customer_tags SELECT id, 'kept', created_at, updated_at, name, owner_id FROM customers",
    );
    const { name, externalId } = customers;
    const renamed = await folderOf({ 'customers.csv': 'id,name\n1,Anna\n' });
    await importFrom(url, renamed, mappingOf({ customers: { name, externalId } }));
    expect(await query(url, 'SELECT c.name, phone, email, tag FROM customers c JOIN customer_tags t')).toEqual([
      { name: 'Anna', phone: '+4930901820', email: 'ann@example.com', tag: 'kept' },
    ]);
    expect(await contradictions(url)).toEqual([]);
  });

  test('with order lines only writes them to the orders in the database', async () => {
    const url = await freshDatabase();
    const files = {
      'customers.csv': 'id,name,email\n1,Ann,\n',
      'products.csv': 'sku,price\nP,1.50\n',
      'orders.csv': 'no,customer\nO1,1\n',
    };
    await importFrom(url, await folderOf(files), mappingOf({ customers, products, orders }));
    const folder = await folderOf({ 'orderItems.csv': 'no,sku,pieces,price\nO1,P,4,1.50\nO2,P,1,1\n' });
    const { counts, exitCode } = await importFrom(url, folder, mappingOf({ orderItems }));
    expect([exitCode, counts['orderItems']]).toEqual([1, [2, 1, 0, 0, 1]]);
    expect(await query(url, 'SELECT total FROM orders')).toEqual([{ total: '6.0000' }]);
    expect(await contradictions(url)).toEqual([]);
  });

  test('after an interruption imports the rest and duplicates nothing', async () => {
    const url = await freshDatabase();
    const rows = Array.from({ length: 1_800 }, (_, index) => `${index},Name ${index},`).join('\n');
    const folder = await folderOf({
      'customers.csv': `id,name,email\n${rows}\n`,
      'mapping.yaml': JSON.stringify(mappingOf({ customers })),
    });
    const { cli, interrupt } = captureCli();
    const run = runImport({ folder, mapping: join(folder, 'mapping.yaml'), rejects: folder }, cli, url);
    interrupt();
    expect(await run).toBe(130);
    expect((await rowCounts(url))['customers']).toBeLessThan(1_800);
    const { counts } = await importFrom(url, folder, mappingOf({ customers }));
    expectSums(counts);
    expect((await rowCounts(url))['customers']).toBe(1_800);
  });
});
