import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { CliError } from '../../src/cli-error.ts';
import { parseSeedOptions, runSeed, type SeedArguments } from '../../src/cli/seed.ts';
import { COUNTRIES } from '../../src/data/seed/countries.ts';
import { fillPattern } from '../../src/data/seed/people.ts';
import { createRandom } from '../../src/data/seed/random.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { DATA_TABLES } from '../../src/data/tables.ts';
import { orGiveUp, pause, within } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { captureCli } from './captured-cli.ts';
import { contentsHash, contradictions, query, rowCounts } from './table-contents.ts';

const opened: TestDatabase[] = [];

async function freshDatabase(): Promise<string> {
  const database = await createDatabase();
  opened.push(database);
  return database.url;
}

afterEach(async () => {
  for (const database of opened.splice(0)) await database.drop();
});

const args = (given: Partial<SeedArguments> & { customers: number }): SeedArguments => ({
  ordersPerCustomer: 5,
  seed: 1,
  reset: false,
  ...given,
});

async function seed(databaseUrl: string, given: Partial<SeedArguments> & { customers: number }): Promise<string> {
  const { cli, output } = captureCli();
  expect(await runSeed(args(given), cli, databaseUrl)).toBe(0);
  return output();
}

/** Seeds in a separate process, which can be killed or limited in memory. */
function seedProcess(databaseUrl: string, given: { customers: number; nodeOptions?: readonly string[] }) {
  const program = `
    import { seedDatabase } from ${JSON.stringify(new URL('../../src/data/seed/seed-database.ts', import.meta.url).href)};
    await seedDatabase({
      databaseUrl: ${JSON.stringify(databaseUrl)}, customers: ${given.customers}, ordersPerCustomer: 5, seed: 1,
      report: ({ customersDone }) => console.log(customersDone),
    });`;
  return spawn(process.execPath, [...(given.nodeOptions ?? []), '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Jest's own options would load its module system into the child.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
}

describe('a seed', () => {
  /** Not a multiple of the block size. */
  const MANY = 4_300;
  let whole: string;
  beforeAll(async () => {
    const database = await createDatabase();
    await seed(database.url, { customers: MANY });
    whole = await contentsHash(database.url);
    await database.drop();
  });

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

  test('that was interrupted continues, and ends with the same rows as one that was not', async () => {
    const parts = await freshDatabase();
    const { cli, interrupt } = captureCli();
    const run = seedDatabase({
      ...args({ customers: MANY }),
      databaseUrl: parts,
      signal: cli.signal,
      report: ({ customersDone }) => customersDone > 0 && interrupt(),
    });
    expect((await run).outcome).toBe('interrupted');
    const between = await rowCounts(parts);
    expect(between['customers']).toBeLessThan(MANY);
    expect(await contradictions(parts)).toEqual([]);

    expect(await runSeed(args({ customers: MANY }), captureCli().cli, parts)).toBe(0);
    expect(await contentsHash(parts)).toBe(whole);
  });

  test('whose process was killed continues, and ends with the same rows as one that was not', async () => {
    const parts = await freshDatabase();
    const child = seedProcess(parts, { customers: MANY });
    const ended = once(child, 'exit');
    // Two reports: the start and the first block; the others are still being written.
    for (
      let lines = '';
      lines.split('\n').length < 3;
      lines += String((await orGiveUp('a report', once(child.stdout, 'data')))[0])
    )
      continue;
    await pause(50);
    child.kill('SIGKILL');
    await ended;

    await seed(parts, { customers: MANY });
    expect(await contentsHash(parts)).toBe(whole);
  });

  test('that two processes write at once is written once', async () => {
    const shared = await freshDatabase();
    const { cli, interrupt } = captureCli();
    // Started and stopped before the first block, so that both continue it.
    await seedDatabase({ ...args({ customers: MANY }), databaseUrl: shared, signal: cli.signal, report: interrupt });
    await Promise.all([seed(shared, { customers: MANY }), seed(shared, { customers: MANY })]);
    expect(await contentsHash(shared)).toBe(whole);
  });

  test('needs no more memory for more customers', async () => {
    const url = await freshDatabase();
    // The rows of 12,000 customers are 60 MB of text.
    const child = seedProcess(url, { customers: 12_000, nodeOptions: ['--max-old-space-size=56'] });
    child.stdout.resume();
    expect(await orGiveUp('the process to end', once(child, 'exit'))).toEqual([0, null]);
    expect((await rowCounts(url))['customers']).toBe(12_000);
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
       WHERE table_schema = DATABASE() AND table_name NOT IN ('_prisma_migrations', 'gateway_keys')`,
    );
    expect(tables.map((row) => String(row['name'])).sort()).toEqual([...DATA_TABLES].sort());
    await seed(url, { customers: 1_000 });
    const empty = Object.entries(await rowCounts(url)).flatMap(([table, count]) => (count > 0 ? [] : [table]));
    expect(empty.sort()).toEqual(ONLY_WRITTEN);
  });
});

describe('the seed command', () => {
  test('says that a seed is complete and changes nothing', async () => {
    const url = await freshDatabase();
    await seed(url, { customers: 20 });
    await query(url, "UPDATE customers SET name = 'changed since' WHERE id = 1");
    const before = await contentsHash(url);
    expect(await seed(url, { customers: 20 })).toMatch(/complete already\. Nothing was changed\.\n$/);
    expect(await contentsHash(url)).toBe(before);
  });

  test('says of which tables of a complete seed rows were added or deleted since', async () => {
    const url = await freshDatabase();
    await seed(url, { customers: 20 });
    await query(url, "INSERT INTO customers (name, updated_at) VALUES ('mine', '2020-01-01')");
    await query(url, 'DELETE FROM interactions WHERE id = 1');
    const before = await contentsHash(url);
    expect(await seed(url, { customers: 20 })).toMatch(
      /It has written 20 rows to customers, which has 21; (\d+) rows to interactions, which has \d+\. Nothing.*--reset/,
    );
    expect(await contentsHash(url)).toBe(before);
  });

  test('refuses other parameters, naming what differs and --reset', async () => {
    const url = await freshDatabase();
    await seed(url, { customers: 20 });
    const before = await contentsHash(url);
    await expect(seed(url, { customers: 30, seed: 9 })).rejects.toThrow(
      /--customers was 20 and is now 30, --seed was 1 and is now 9.*--reset/,
    );
    expect(await contentsHash(url)).toBe(before);
  });

  test('refuses a database with rows that are not a seed’s, and deletes them only for --reset', async () => {
    const url = await freshDatabase();
    await query(url, "INSERT INTO customers (name, updated_at) VALUES ('mine', '2020-01-01')");
    await expect(seed(url, { customers: 20 })).rejects.toThrow(/rows in customers\).*--reset/s);
    expect((await rowCounts(url))['customers']).toBe(1);
    await seed(url, { customers: 20, reset: true });
    expect(await query(url, "SELECT id FROM customers WHERE name = 'mine'")).toEqual([]);
    expect((await rowCounts(url))['customers']).toBe(20);
  });

  test('keeps the key that cursors are made with at --reset, since gateways are running with it', async () => {
    const url = await freshDatabase();
    await seed(url, { customers: 20 });
    await query(url, "INSERT INTO gateway_keys (name, value) VALUES ('cursors', REPEAT('k', 64))");
    const before = await query(url, 'SELECT * FROM gateway_keys');
    await seed(url, { customers: 30, reset: true });
    expect(await query(url, 'SELECT * FROM gateway_keys')).toEqual(before);
    expect(before).toHaveLength(1);
  });

  test('refuses to continue a seed if there are other rows', async () => {
    const url = await freshDatabase();
    const { cli, interrupt } = captureCli();
    const stopped = { ...args({ customers: 3_000 }), databaseUrl: url, signal: cli.signal, report: interrupt };
    await seedDatabase(stopped);
    await query(url, "INSERT INTO customers (name, updated_at) VALUES ('mine', '2020-01-01')");
    await expect(seed(url, { customers: 3_000 })).rejects.toThrow(
      /unfinished seed has written 0 rows to customers, which has 1/,
    );
  });

  test('says which command creates missing tables', async () => {
    const url = await freshDatabase();
    await query(url, 'DROP TABLE agents');
    await expect(seed(url, { customers: 1 })).rejects.toThrow(/no table agents: run "npm run migrate"/);
  });

  test('says that the database cannot be reached, with exit code 69', async () => {
    const error = await seed('mysql://nobody@127.0.0.1:1/none', { customers: 1 }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CliError);
    expect(error).toMatchObject({ exitCode: 69, message: expect.stringContaining('cannot be reached') });
  });

  test('draws a bar on a terminal', async () => {
    const { cli, output } = captureCli(true);
    await runSeed(args({ customers: 1_500 }), cli, await freshDatabase());
    expect(output()).toMatch(/100 %.*1500\/1500 customers.*rows\/s/);
  });

  test.each([
    [{}, '--customers: expected a whole number from 1 to 100000000, got nothing'],
    [{ customers: '-5' }, '--customers: expected a whole number from 1 to 100000000, got "-5"'],
    [{ customers: '1e6' }, '--customers: expected a whole number from 1 to 100000000, got "1e6"'],
    [{ customers: '5', seed: 'x' }, '--seed: expected a whole number from 0 to 4294967295, got "x"'],
    [
      { customers: '5', ordersPerCustomer: '101' },
      '--orders-per-customer: expected a whole number from 0 to 100, got "101"',
    ],
  ])('refuses the options %j', (given, message) => {
    expect(() => parseSeedOptions(given)).toThrow(new CliError(message));
  });

  test('takes thousands with separators and fills in defaults', () => {
    expect(parseSeedOptions({ customers: '1,000,000' })).toEqual(args({ customers: 1_000_000 }));
  });
});
