import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { runVerify, type VerifyArguments } from '../../src/cli/verify.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import type { Drift } from '../../src/data/verify/check.ts';
import { verifyDatabase } from '../../src/data/verify/verify-database.ts';
import { captureCli } from './captured-cli.ts';
import { runCommand } from './command.ts';
import { cleanUpImports, freshDatabase, importFrom } from './import-run.ts';
import { contentsHash, query, rowCounts } from './table-contents.ts';

const fixture = join(import.meta.dirname, '../fixtures/crm');

afterEach(cleanUpImports);

async function seededDatabase(customers: number): Promise<string> {
  const databaseUrl = await freshDatabase();
  await seedDatabase({ databaseUrl, customers, ordersPerCustomer: 5, seed: 1 });
  return databaseUrl;
}

async function verify(databaseUrl: string, args: VerifyArguments = {}): Promise<{ code: number; output: string }> {
  const { cli, output } = captureCli();
  return { code: await runVerify(args, cli, databaseUrl), output: output() };
}

describe('no drift is found', () => {
  test('in seeded data, all of whose rows are checked', async () => {
    const url = await seededDatabase(300);
    const { code, output } = await verify(url);
    // If the check takes seconds, it shows its progress first.
    expect(output).toMatch(/^([^\n]* left\n)*Checked ([\d,]+) rows in [\d.]+ s, [\d,]+ rows\/s\.\nNo drift\.\n$/);
    expect(code).toBe(0);
    // Search terms are checked with their customers, and not counted: each has few.
    const { agents: _, products: __, customer_search_terms: ___, ...walked } = await rowCounts(url);
    // By customer, and by order.
    const rows = Object.values(walked).reduce((sum, count) => sum + count, walked['orders'] ?? 0);
    expect(output).toContain(`Checked ${rows.toLocaleString('en-US')} rows`);
  });

  test('in imported data, imported once or twice', async () => {
    const url = await freshDatabase();
    for (const time of ['once', 'twice']) {
      await importFrom(url, fixture, join(fixture, 'mapping.yaml'));
      expect([time, await verify(url)]).toEqual([time, { code: 0, output: expect.stringContaining('No drift.') }]);
    }
  });

  test('in an empty database', async () => {
    const { code, output } = await verify(await freshDatabase());
    expect([code, output]).toEqual([0, expect.stringMatching(/^([^\n]* left\n)*Checked 0 rows in [^]*No drift\.\n$/)]);
  });
});

describe('a check', () => {
  test('finds the same drifts, however small the ranges are', async () => {
    const databaseUrl = await seededDatabase(60);
    await query(databaseUrl, 'DELETE FROM customers WHERE id IN (1, 30, 60)');
    await query(databaseUrl, 'UPDATE customer_stats SET order_count = order_count + 1 WHERE customer_id > 55');
    await query(databaseUrl, 'DELETE FROM orders WHERE id IN (SELECT MIN(order_id) FROM order_items)');
    await query(
      databaseUrl,
      'INSERT INTO order_items VALUES (-5, 0, 1, 1, 1, 0, 1), (9000000000000000000, 0, 1, 1, 1, 0, 1)',
    );
    const driftsBy = async (rowsAtOnce: number): Promise<string[]> => {
      const drifts: Drift[] = [];
      await verifyDatabase({ databaseUrl, rowsAtOnce, found: (drift) => drifts.push(drift) });
      return drifts.map((drift) => JSON.stringify(drift)).sort();
    };
    const whole = await driftsBy(1_000_000);
    expect(whole.length).toBeGreaterThan(30);
    expect(await driftsBy(1)).toEqual(whole);
    expect(await driftsBy(7)).toEqual(whole);
  });

  test('changes nothing, and the privilege to read is enough', async () => {
    const url = await seededDatabase(20);
    await query(url, 'UPDATE customer_stats SET order_count = 99 WHERE customer_id = 3');
    const before = await contentsHash(url);
    const name = new URL(url).pathname.slice(1);
    await query(url, `CREATE USER '${name}'@'%' IDENTIFIED BY 'Secret-1'`);
    try {
      await query(url, `GRANT SELECT ON ${name}.* TO '${name}'@'%'`);
      const reader = Object.assign(new URL(url), { username: name, password: 'Secret-1' }).href;
      expect((await verifyDatabase({ databaseUrl: reader })).drifts).toHaveLength(1);
    } finally {
      await query(url, `DROP USER '${name}'@'%'`);
    }
    expect(await contentsHash(url)).toBe(before);
  });

  test('that is interrupted ends after the current range, and repairs nothing more', async () => {
    const databaseUrl = await seededDatabase(60);
    await query(databaseUrl, 'UPDATE customer_stats SET order_count = order_count + 1');
    const { cli, interrupt } = captureCli();
    const result = await verifyDatabase({
      databaseUrl,
      repairs: true,
      rowsAtOnce: 100,
      signal: cli.signal,
      report: ({ rows }) => rows > 0 && interrupt(),
    });
    expect(result).toMatchObject({ isInterrupted: true, repaired: result.drifts.length });
    expect(result.repaired).toBeGreaterThan(0);
    expect((await verifyDatabase({ databaseUrl })).drifts).toHaveLength(60 - result.repaired);
  });

  test('that is interrupted at its start says so and exits with 130', async () => {
    const { cli, interrupt, output } = captureCli();
    const ended = runVerify({}, cli, await seededDatabase(20));
    interrupt();
    expect(await ended).toBe(130);
    expect(output()).toMatch(/Stopped before the end\.\nNo drift so far\.\n$/);
  });

  test('draws a bar on a terminal', async () => {
    const { cli, output } = captureCli(true);
    await runVerify({}, cli, await seededDatabase(20));
    expect(output()).toMatch(/100 %.*120\/120 ids of customers and orders.*rows\/s/);
  });
});

describe('what is found', () => {
  test('has a line each for the first hundred, a summary by kind, and all lines with --all', async () => {
    const url = await seededDatabase(150);
    await query(url, 'UPDATE customer_stats SET order_count = order_count + 1');
    await query(url, 'UPDATE customers SET version = 7 WHERE id = 1');
    const { code, output } = await verify(url);
    expect(code).toBe(1);
    expect(output.match(/: expected /g)).toHaveLength(100);
    const summary =
      /\n\.\.\. and 51 more: --all\n +150 {2}customer_stats\.order_count\n +1 {2}customers\.version\nChecked .*\nFound 151 drifts, repaired 0\.\n$/;
    expect(output).toMatch(summary);
    const all = await verify(url, { all: true });
    expect(all.output.match(/: expected /g)).toHaveLength(151);
    expect(all.output).not.toContain('more');
    await query(url, 'UPDATE customer_stats SET order_count = order_count - 1');
    expect((await verify(url)).output).toMatch(/\nFound 1 drift, repaired 0\.\n$/);
  });

  test('is one line of JSON for each drift on stdout with --json, and nothing else is there', async () => {
    const url = await seededDatabase(20);
    await query(url, 'UPDATE customer_stats SET order_count = 99 WHERE customer_id = 3');
    const { code, stdout } = await runCommand(['verify', '--json', '--repair'], { DATABASE_URL: url });
    const [drift, summary, ...rest] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(drift).toEqual({
      table: 'customer_stats',
      key: { customer_id: '3' },
      field: 'order_count',
      expected: expect.stringMatching(/^\d$/),
      found: '99',
      isRepaired: true,
    });
    const { rows, seconds, ...counted } = (summary as { summary: Record<string, unknown> }).summary;
    expect([typeof rows, typeof seconds]).toEqual(['number', 'number']);
    expect(counted).toEqual({
      isInterrupted: false,
      drifts: 1,
      repaired: 1,
      counts: { 'customer_stats.order_count': 1 },
    });
    expect([code, rest]).toEqual([1, []]);
  });
});

describe('the command refuses', () => {
  test.each([
    ['an option that it does not have', ['verify', '--fix'], /unknown option '--fix'/],
    ['a value where there is none', ['verify', '--repair', 'tags'], /too many arguments/],
  ])('%s', async (_, args, message) => {
    const { code, stderr } = await runCommand(args);
    expect([code, stderr]).toEqual([64, expect.stringMatching(message)]);
  });

  test('a database of another version, and says which command migrates it', async () => {
    const url = await freshDatabase();
    await query(url, 'ALTER TABLE orders DROP COLUMN version');
    const { code, stderr } = await runCommand(['verify'], { DATABASE_URL: url });
    expect([code, stderr]).toEqual([69, expect.stringMatching(/do not match this version.*npm run migrate/)]);
    expect(stderr).not.toMatch(/ at /);
  });

  test('a database that cannot be reached', async () => {
    const { code, stderr } = await runCommand(['verify'], { DATABASE_URL: 'mysql://nobody@127.0.0.1:1/none' });
    expect([code, stderr]).toEqual([69, expect.stringContaining('cannot be reached')]);
  });
});
