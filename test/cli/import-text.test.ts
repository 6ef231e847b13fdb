import { afterEach, describe, expect, test } from '@jest/globals';
import { convertCountry } from '../../src/data/import/values.ts';
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

test('texts of an import are normalised, wherever they come from, and an email address stays as it is', async () => {
  const url = await freshDatabase();
  const folder = await folderOf({
    'customers.csv': [
      // The name of the column has a decomposed accent.
      'id,name,email,pre\u0301nom,tags',
      're\u0301f-1,\u200bAme\u0301lie,,cle\u0301,\u202aé\u202c;e\u0301;e;é',
      'réf-1,Amélie again,,clé,',
      'k,Kelvin,\u212a@example.com,clé,',
      'w,\u200b\u2060,,clé,',
      ...['jo\u200bhn@example.com', 'jo\u00adhn@example.com', '\u202ejohn@example.com', 'john＠example.com'].map(
        (email, i) => `m${i},Not John,${email},clé,`,
      ),
    ].join('\n'),
  });
  const fields = {
    ...customers,
    company: { column: 'prénom', values: { 'cle\u0301': 'Sirke\u0301tia' } },
    tags: [{ column: 'tags', split: ';' }],
  };
  const { counts, rejects, leftEmpty } = await importFrom(url, folder, mappingOf({ customers: fields }));
  expect(counts['customers']?.slice(0, 2)).toEqual([8, 1]);
  expect(rejects['customers.rejected.csv']?.map((line) => line.split(',')[0])).toEqual([
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
    '9',
  ]);
  expect(leftEmpty?.slice(1).map((line) => line.split(',').slice(-4).join())).toEqual([
    expect.stringContaining('the database considers it equal to ""é"", which the row also has'),
  ]);
  expect(
    await query(
      url,
      'SELECT external_id, customers.name, company, tag FROM customers JOIN customer_tags ON customer_id = id',
    ),
  ).toEqual([{ external_id: 'réf-1', name: 'Amélie', company: 'Sirkétia', tag: 'é' }]);
});

test('a text that only becomes a country code in upper case is not one', () => {
  expect(convertCountry('de')).toBe('DE');
  for (const text of ['ß', 'ﬁ', 'ﬆ', 'ſe', 'ın', 'd', 'ＤＥ'])
    expect(() => convertCountry(text)).toThrow(/^expected a country code such as "DE", got/);
});

test('a name, a company or a tag without any character that counts in comparisons rejects the row', async () => {
  const rows = [1, 3, 5].map((at) => ['1', 'Ann', '', 'Firm', 'Street 1', 'vip'].with(at, '\u0301'));
  const folder = await folderOf({
    'customers.csv': ['id,name,email,company,street,tags', ...rows.map(quotedCells)].join('\n'),
  });
  const texts = { company: 'company', tags: [{ column: 'tags' }] };
  const { counts, rejects } = await importFrom(
    await freshDatabase(),
    folder,
    mappingOf({ customers: { ...customers, ...texts } }),
  );
  expect(counts).toMatchObject({ customers: [3, 0, 0, 0, 3] });
  expect(JSON.stringify(rejects).split('a character that counts when names are compared').length - 1).toBe(3);
});

const BREAKS = {
  LF: '\n',
  CR: '\r',
  CRLF: '\r\n',
  VT: '\v',
  FF: '\f',
  NEL: '\u0085',
  LS: '\u2028',
  PS: '\u2029',
  TAB: '\t',
};
const quotedCells = (cells: readonly string[]): string => cells.map((cell) => `"${cell}"`).join();

describe('a line break or tab', () => {
  const texts = { company: 'company', addresses: [{ line1: 'street' }], tags: [{ column: 'tags' }] };

  test('in a key, a tag or a one-line text rejects the row, and the reason says so', async () => {
    const rows = Object.values(BREAKS).flatMap((one, i) =>
      [0, 1, 3, 4, 5].map((at) => {
        const cells = [`${i}/${at}`, 'Ann', '', 'Firm', 'Street 1', 'vip'];
        return quotedCells(cells.with(at, `${cells[at]}${one}x`));
      }),
    );
    const folder = await folderOf({
      'customers.csv': ['id,name,email,company,street,tags', ...rows].join('\n'),
      'products.csv': 'sku,price\n"a\tb",1\n',
      'orders.csv': 'no,customer\n"1\n2",1\n',
      'tickets.csv': 'no,customer,subject\n"1\n2",1,a\n3,1,"a\nb"\n4,"1\n2",a\n',
    });
    const tickets = { number: 'no', customer: 'customer', subject: 'subject', openedAt: { constant: '2024-01-01' } };
    const { counts, rejects } = await importFrom(
      await freshDatabase(),
      folder,
      mappingOf({ customers: { ...customers, ...texts }, products, orders, tickets }),
    );
    expect(counts).toMatchObject({
      customers: [rows.length, 0, 0, 0, rows.length],
      products: [1, 0, 0, 0, 1],
      orders: [1, 0, 0, 0, 1],
      tickets: [3, 0, 0, 0, 3],
    });
    for (const [file, lines] of Object.entries(rejects))
      expect({ file, other: lines.filter((line) => /^\d+,"/.test(line) && !isAboutLines(line)) }).toEqual({
        file,
        other: [],
      });
  });

  const isAboutLines = (line: string): boolean => line.includes('expected one line without tabs, got ""');

  test('becomes a blank in names and the like if the mapping says so, and stays in the body of an interaction', async () => {
    const url = await freshDatabase();
    const values = Object.values(BREAKS);
    const folder = await folderOf({
      'customers.csv': [
        'id,name,email,company,street',
        ...values.map((one, i) =>
          quotedCells([`${i}`, `Ann ${one} ${one}Lee`, '', `A${one}B`, `1  Street${one}Apt. 2`]),
        ),
      ].join('\n'),
      'interactions.csv': 'id,body\n0,"Two\n\tlines"\n',
    });
    const blank = (column: string) => ({ column, lineBreaks: 'blank' });
    const fields = {
      ...customers,
      name: blank('name'),
      company: blank('company'),
      addresses: [{ line1: { ...blank('street'), tooLong: 'cut' } }],
    };
    const interactions = {
      externalId: 'id',
      customer: 'id',
      kind: { constant: 'NOTE' },
      body: 'body',
      occurredAt: { constant: '2024-01-01' },
    };
    const { exitCode } = await importFrom(url, folder, mappingOf({ customers: fields, interactions }));
    expect(exitCode).toBe(0);
    expect(
      await query(
        url,
        'SELECT DISTINCT name, company, line1 FROM customers JOIN customer_addresses ON customer_id = id',
      ),
    ).toEqual([{ name: 'Ann Lee', company: 'A B', line1: '1  Street Apt. 2' }]);
    expect(await query(url, 'SELECT body FROM interactions')).toEqual([{ body: 'Two\n\tlines' }]);
  });
});
