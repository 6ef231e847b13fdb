import { afterEach, describe, expect, test } from '@jest/globals';
import { CliError } from '../../src/cli-error.ts';
import { parseSeedOptions, runSeed } from '../../src/cli/seed.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { captureCli } from './captured-cli.ts';
import { dropDatabases, freshDatabase, seed, seedArguments } from './seeding.ts';
import { contentsHash, query, rowCounts } from './table-contents.ts';

afterEach(dropDatabases);

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
    const stopped = { ...seedArguments({ customers: 3_000 }), databaseUrl: url, signal: cli.signal, report: interrupt };
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
    await runSeed(seedArguments({ customers: 1_500 }), cli, await freshDatabase());
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
    expect(parseSeedOptions({ customers: '1,000,000' })).toEqual(seedArguments({ customers: 1_000_000 }));
  });
});
