import { afterEach, describe, expect, test } from '@jest/globals';
import { cleanUpImports, customers, expectSums, folderOf, freshDatabase, importFrom, mappingOf } from './import-run.ts';
import { contradictions, query } from './table-contents.ts';

afterEach(cleanUpImports);

const mapping = mappingOf({ customers: { ...customers, owner: 'owner' } });
const file = async (...rows: readonly string[]) =>
  folderOf({ 'customers.csv': `id,name,email,owner\n${rows.map((row) => `${row}\n`).join('')}` });
const emailsOf = async (url: string) =>
  (await query(url, 'SELECT email FROM customers ORDER BY external_id')).map((row) => row['email']);

describe('an email address', () => {
  test('that one row gives up may be taken by another, also in a cycle', async () => {
    const url = await freshDatabase();
    await importFrom(
      url,
      await file('1,A,a@x.de,', '2,B,b@x.de,', '3,C,c@x.de,', '4,D,d@x.de,', '5,E,e@x.de,'),
      mapping,
    );
    // Two swap their emails, and a new one takes what the last in a chain releases.
    const folder = await file('1,A,b@x.de,', '2,B,a@x.de,', '6,F,c@x.de,', '3,C,d@x.de,', '4,D,,', '5,E,e@x.de,');
    const { exitCode, counts } = await importFrom(url, folder, mapping);
    expect([exitCode, counts['customers']]).toEqual([0, [6, 1, 4, 1, 0]]);
    expect(await emailsOf(url)).toEqual(['b@x.de', 'a@x.de', 'd@x.de', null, 'e@x.de', 'c@x.de']);
    const changes = await query(url, 'SELECT changes FROM customer_changes WHERE version = 2 ORDER BY customer_id');
    expect(changes.map((row) => JSON.parse(String(row['changes']))).slice(0, 2)).toEqual([
      [{ field: 'email', before: 'a@x.de', after: 'b@x.de' }],
      [{ field: 'email', before: 'b@x.de', after: 'a@x.de' }],
    ]);
    expect(await contradictions(url)).toEqual([]);
  });

  const email = (number: number) => `c${number}@x.de`;
  const rowsOf = (emails: readonly string[]) => emails.map((address, id) => `${id},N,${address},`);
  const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);

  // A transaction takes 500 rows, so that in each of these the row that gives up an email is far from the one that takes it.
  test.each([
    ['two by two', 1_200, (n: number) => email((n + 600) % 1_200)],
    ['in one ring', 1_200, (n: number) => email((n + 1) % 1_200)],
    ['in a row, since a column had slipped', 1_200, (n: number) => email(n + 1)],
    ['in two rings, with others that give theirs up', 2_400, (n: number) => email(n < 1_400 ? (n + 2) % 1_400 : n + 1)],
  ])('may be exchanged by rows that are far apart, %s', async (_, count, after) => {
    const url = await freshDatabase();
    await importFrom(url, await file(...rowsOf(numbers(count).map(email))), mapping);
    const wanted = numbers(count).map(after);
    const { exitCode, counts } = await importFrom(url, await file(...rowsOf(wanted)), mapping);
    expect([exitCode, counts['customers']]).toEqual([0, [count, 0, count, 0, 0]]);
    const stored = await query(url, 'SELECT email FROM customers ORDER BY CAST(external_id AS UNSIGNED)');
    expect(stored.map((row) => row['email'])).toEqual(wanted);
    expect(await contradictions(url)).toEqual([]);
  });

  test('stays with its customer if the row that would give it up is rejected', async () => {
    const url = await freshDatabase();
    await importFrom(url, await file('1,A,a@x.de,', '2,B,b@x.de,', '3,C,c@x.de,', '4,D,d@x.de,'), mapping);
    const folder = await file('1,A,b@x.de,', '2,B,c@x.de,', '3,C,z@x.de,nobody', '4,D,new@x.de,', '5,E,new@x.de,');
    const { exitCode, counts, rejects } = await importFrom(url, folder, mapping);
    expect(exitCode).toBe(1);
    expectSums(counts);
    expect(rejects['customers.rejected.csv']?.toSorted().map((line) => line.split(',"customers.csv"')[0])).toEqual([
      '2,"email: ""b@x.de"" belongs to another customer (2)","email"',
      '3,"email: ""c@x.de"" belongs to another customer (3)","email"',
      '4,"owner: expected one of the agents in the database, got ""nobody""","owner"',
      '6,"email: ""new@x.de"" belongs to another customer (4)","email"',
    ]);
    expect(await emailsOf(url)).toEqual(['a@x.de', 'b@x.de', 'c@x.de', 'new@x.de']);
  });
});

test('the record of changes has an address before and after', async () => {
  const url = await freshDatabase();
  const own = mappingOf({ customers: { ...customers, addresses: [{ line1: 'street', city: 'city' }] } });
  const folderWith = (street: string) =>
    folderOf({ 'customers.csv': `id,name,email,street,city\n1,Ann,,${street},Rom\n` });
  await importFrom(url, await folderWith('Via 1'), own);
  await importFrom(url, await folderWith('Via 2'), own);
  const [change] = await query(url, 'SELECT changes FROM customer_changes WHERE version = 2');
  expect(JSON.parse(String(change?.['changes']))).toEqual([
    { field: 'addresses', before: 'line1: "Via 1", city: "Rom"', after: 'line1: "Via 2", city: "Rom"' },
  ]);
});
