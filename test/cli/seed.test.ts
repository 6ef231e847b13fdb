import { afterEach, describe, expect, test } from '@jest/globals';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { COUNTRIES } from '../../src/data/seed/countries.ts';
import { fillPattern } from '../../src/data/seed/people.ts';
import { createRandom } from '../../src/data/seed/random.ts';
import { DATA_TABLES } from '../../src/data/tables.ts';
import { within } from '../support/patience.ts';
import { dropDatabases, freshDatabase, seed } from './seeding.ts';
import { contentsHash, contradictions, query, rowCounts } from './table-contents.ts';

afterEach(dropDatabases);

describe('a seed', () => {
  test('is the same to the byte on every server, whatever the day', async () => {
    const url = await freshDatabase();
    await seed(url, { customers: 300 });
    // If a change to the generator alters this, raise GENERATOR_VERSION in progress-table.ts.
    expect(await contentsHash(url)).toBe('7a1af539ebc186ef26a81bee30e9b2a1915a811df2729c2b29f3743898c91160');
  });

  test('differs with another seed', async () => {
    const [one, other] = [await freshDatabase(), await freshDatabase()];
    await seed(one, { customers: 50 });
    await seed(other, { customers: 50, seed: 2 });
    expect(await contentsHash(other)).not.toBe(await contentsHash(one));
  });

  test('of a demo’s size takes less than 10 seconds', async () => {
    const url = await freshDatabase();
    await within(10_000, 'a seed of 2,000 customers', () => seed(url, { customers: 2_000 }));
  });
});

/** Tables that only merges and idempotency keys fill. */
const ONLY_WRITTEN = ['customer_merges', 'idempotency_keys'];

describe('seeded rows', () => {
  test('do not contradict each other', async () => {
    const url = await freshDatabase();
    await seed(url, { customers: 2_500 });
    expect(await contradictions(url)).toEqual([]);
  });

  test('are as many orders as asked for: few for most customers, thousands for one in a thousand', async () => {
    const url = await freshDatabase();
    await seed(url, { customers: 2_000 });
    expect((await rowCounts(url))['orders']).toBe(10_000);
    const counts = await query(url, 'SELECT order_count AS n FROM customer_stats ORDER BY order_count DESC');
    const numbers = counts.map((row) => Number(row['n']));
    expect(numbers.filter((n) => n >= 1_000)).toHaveLength(2);
    expect(numbers.filter((n) => n <= 5).length).toBeGreaterThan(1_800);
  });

  test('can be customers without any orders', async () => {
    const url = await freshDatabase();
    await seed(url, { customers: 10, ordersPerCustomer: 0 });
    const counts = await rowCounts(url);
    expect([counts['customers'], counts['orders'], counts['customer_stats']]).toEqual([10, 0, 10]);
  });

  test('are people of many scripts, with unique lower-case addresses', async () => {
    const url = await freshDatabase();
    await seed(url, { customers: 1_000 });
    const customers = await query(url, 'SELECT name, email, external_id FROM customers');
    const names = customers.map((row) => String(row['name'])).join('');
    for (const script of [
      'Latin',
      'Han',
      'Hiragana',
      'Hangul',
      'Arabic',
      'Cyrillic',
      'Greek',
      'Hebrew',
      'Devanagari',
      'Thai',
    ])
      expect(names).toMatch(new RegExp(`\\p{Script=${script}}`, 'u'));
    const emails = customers.flatMap((row) => (typeof row['email'] === 'string' ? [row['email']] : []));
    expect(new Set(emails).size).toBe(emails.length);
    for (const email of emails) expect(email).toMatch(/^[a-z.0-9]+@[a-z.]+$/);
    for (const row of customers) expect(row['external_id']).toMatch(/^C-\d{8}$/);
    const notes = await query(url, 'SELECT body FROM interactions');
    expect(notes.map((row) => String(row['body'])).join('')).toMatch(/\p{Emoji_Presentation}/u);
    const doubles = await query(url, 'SELECT created_at FROM customers GROUP BY created_at HAVING COUNT(*) > 1');
    expect(doubles.length).toBeGreaterThan(0);
  });

  test('have telephone numbers that are valid in their country', () => {
    const random = createRandom(7, 0);
    for (const country of COUNTRIES)
      for (let draw = 0; draw < 100; draw += 1) {
        const number = parsePhoneNumberFromString(fillPattern(random, country.phone));
        expect([number?.isValid(), number?.country, number?.number]).toEqual([true, country.code, number?.number]);
      }
  });

  test('fill every table of the migrations, except for those that only writes or the gateway fill', async () => {
    const url = await freshDatabase();
    const tables = await query(
      url,
      `SELECT table_name AS name FROM information_schema.tables
       WHERE table_schema = DATABASE() AND table_name NOT IN ('_prisma_migrations', 'gateway_keys', 'api_keys', 'cache_suspensions')`,
    );
    expect(tables.map((row) => String(row['name'])).sort()).toEqual([...DATA_TABLES].sort());
    await seed(url, { customers: 1_000 });
    const empty = Object.entries(await rowCounts(url)).flatMap(([table, count]) => (count > 0 ? [] : [table]));
    expect(empty.sort()).toEqual(ONLY_WRITTEN);
  });
});
