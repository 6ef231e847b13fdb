import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { assert, constantFrom, property, string } from 'fast-check';
import { phoneStarts } from '../../src/crm/phones.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

const PEOPLE = [
  ['Ada', '+4930123456'],
  ['Bo', '+12025550123'],
  ['Studio 5430', '+390612345678'],
  ['24/7 Fitness 0123456', null],
  ['1000x2000', null],
  ['Tel Aviv 1909', null],
] as const;

describe('searchCustomers, given a telephone number as people write it,', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    await withConnection(database.url, (sql) =>
      sql.batch(
        'INSERT INTO customers (id, name, phone, created_at, updated_at) VALUES (?, ?, ?, NOW(3), NOW(3))',
        PEOPLE.map(([name, phone], i) => [i + 1, name, phone]),
      ),
    );
    gateway = await startGateway({ databaseUrl: database.url, settings: PATIENT });
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });

  const search = async (text: string): Promise<string[]> => {
    const query = 'query($text: String!) { searchCustomers(text: $text, first: 10) { nodes { name } } }';
    const { searchCustomers } = await gateway.data(query, { text });
    return searchCustomers.nodes.map(({ name }: { name: string }) => name);
  };

  test.each([
    // The country code without a plus sign, and with the prefix that is dialled only within the country.
    ...[
      '49(0)30123456',
      '49 (0) 30 123456',
      '+49-(0)30-123456',
      '+49 [0] 30 12',
      '(0049) (0)30 123',
      '(49)(0)30 123456',
    ],
    ...['+49 (030) 123456', '+49 (0 30) 123456', '(+49) 30 123456'],
    // Other marks between the digits.
    ...['030·123456', '030 • 123456', '(030) 123456', '[030] 123456', '030/123456', '030 – 123456', '030\u2212123456'],
    ...['030ー123456', '030\u2011123456', '030\u00a0123456', '030～123456'],
    // Other digits.
    ...['+４９ ３０ １２３４５６', '(０３０) １２３４５６', '٠٣٠ ١٢٣٤٥٦', '۰۳۰ ۱۲۳۴۵۶', '०३० १२३४५६'],
    // A link, or a word before the number.
    ...['tel:+4930123456', 'tel:+49-30-123456;ext=5', 'Tel. 030 123456', 'Tel.: +49 30 123456', 'TEL:030/123456'],
    // Stored numbers have no extensions.
    ...['+49 30 123456 ext. 5', '+49 30 123456 ext 5', '+49 30 123456, Ext. 5', '+49 30 123456 x5', '+49 30 123456x5'],
    ...['+49 30 123456 extension 12', '030 123456 #5', '030 123456 Durchwahl 5', '٠٣٠ ١٢٣٤٥٦ x٥', '030 123456 доб. 5'],
  ])('finds the customer whose number it is: %j', async (text) => {
    expect(await search(text)).toEqual(['Ada']);
  });

  test.each([
    ['8 (495) 123-45-67', 'RU', '+74951234567'],
    ['8-800-555-35-35', 'RU', '+78005553535'],
    ['(212) 555-0123', 'US', '+12125550123'],
    ['912 345 678', 'ES', '+34912345678'],
    ['22 123 45 67', 'PL', '+48221234567'],
    ['2345 6789', 'HK', '+85223456789'],
    ['2 2345 6789', 'CL', '+56223456789'],
    ['06 1 234 5678', 'HU', '+3612345678'],
    // The international prefixes of some countries.
    ['011 49 30 1234577', 'US', '+49301234577'],
    ['810 49 30 1234577', 'RU', '+49301234577'],
    ['0011 49 30 1234577', 'AU', '+49301234577'],
    // What people write.
    ['tel:+49 30 1234578', undefined, '+49301234578'],
    ['Tel. 030/1234578', 'DE', '+49301234578'],
    ['(+49) 30 1234578', undefined, '+49301234578'],
    ['+49\t30·1234578', undefined, '+49301234578'],
    ['＋４９（３０）１２３４５７８', undefined, '+49301234578'],
    ['０３０・１２３ー４５７８', 'DE', '+49301234578'],
    ['०३० १२३४५७८', 'DE', '+49301234578'],
    ['𝟘30 1234578', 'DE', '+49301234578'],
  ])('%j in %s finds the number that createCustomer stored for it, %s', async (number, country, stored) => {
    const mutation = `mutation($input: CreateCustomerInput!) {
      createCustomer(input: $input) { customer { name phone } userErrors { message } } }`;
    const input = { name: `Caller ${encodeURIComponent(number)}`, phone: { number, country } };
    const { createCustomer } = await gateway.data(mutation, { input });
    expect(createCustomer).toEqual({ customer: { name: input.name, phone: stored }, userErrors: [] });
    expect(await search(number)).toContain(input.name);
    expect(phoneStarts(number)?.length).toBeLessThanOrEqual(300);
  });

  test('looks up at most 300 prefixes, none of which begins with another, whatever the digits', () => {
    assert(
      property(string({ unit: constantFrom(...Array.from('0123456789')), minLength: 4, maxLength: 18 }), (digits) => {
        const starts = phoneStarts(digits) ?? [];
        expect(starts.length).toBeGreaterThan(0);
        expect(starts.length).toBeLessThanOrEqual(300);
        for (const [i, start] of starts.toSorted().entries())
          if (i > 0) expect(start.startsWith(starts.toSorted()[i - 1] ?? '')).toBe(false);
      }),
    );
  });

  test.each([
    ['+1 (202) 555-0123 x12', ['Bo']],
    // Italy's zero belongs to the number.
    ['39(0)6 1234', ['Studio 5430']],
    ['39 6 1234', []],
    // These are names, not numbers.
    ['Studio 5430', ['Studio 5430']],
    ['24/7 Fitness 0123456', ['24/7 Fitness 0123456']],
    ['1000x2000', ['1000x2000']],
    ['Tel Aviv 1909', ['Tel Aviv 1909']],
    ['Tel Av', ['Tel Aviv 1909']],
  ])('%j finds %j', async (text, expected) => {
    expect(await search(text)).toEqual(expected);
  });
});
