import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Connection } from 'mariadb';
import { openConnection } from '../../src/data/connection.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { withinRange } from '../../src/data/verify/check.ts';
import { PASSES } from '../../src/data/verify/passes.ts';
import { countRows, nextRange } from '../../src/data/verify/ranges.ts';
import { verifyDatabase } from '../../src/data/verify/verify-database.ts';
import { until } from '../support/patience.ts';
import { createCountedDatabase } from '../support/counted-database.ts';
import { openRowsReader, type RowsReader } from '../support/rows-read.ts';

let databaseUrl: string;
/** Kept open, since MySQL discards a connection's counters when it ends. */
let connection: Connection;
let reader: RowsReader;
const cleanUps: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const given = await createCountedDatabase();
  cleanUps.unshift(given.drop);
  databaseUrl = given.url;
  await seedDatabase({ databaseUrl, customers: 300, ordersPerCustomer: 5, seed: 1 });
  connection = await openConnection(databaseUrl);
  cleanUps.unshift(() => connection.end());
  await connection.query(
    `INSERT INTO idempotency_keys SELECT 'a', id, 'createCustomer', '', '{}', created_at FROM customers`,
  );
  // As if the gateway had created them: each has its entry in the record.
  for (const [table, type] of [
    ['orders', 'Order'],
    ['tickets', 'Ticket'],
    ['interactions', 'Interaction'],
  ])
    await connection.query(
      `INSERT INTO customer_changes (customer_id, version, action, subject_type, subject_id, changes, occurred_at)
       SELECT customer_id, 1, 'CREATED', '${type}', id, '[]', NOW() FROM ${table}`,
    );
  reader = await openRowsReader(databaseUrl);
  cleanUps.unshift(() => reader.close());
});

afterAll(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
});

const CHECKS = PASSES.flatMap(({ ends, checks }) =>
  checks.map((check) => ({ name: `${check.table}.${check.field}`, check, ends })),
);

describe.each(CHECKS)('$name', ({ check, ends: [lowest] }) => {
  test('reads nothing if its range is empty', async () => {
    const range = lowest.startsWith("'")
      ? { after: "'3000-01-01'", upTo: "'3000-01-02'" }
      : { after: '1000000000', upTo: '1000000009' };
    // A look-up in each table, and in a temporary one.
    expect(await reader.rowsRead(() => connection.query(check.sql(withinRange(range))))).toBeLessThan(10);
  });
});

/** Sends what `verifyDatabase` sends. Returns how many rows and index entries the server read for it. */
const rowsReadBy = (rowsAtOnce: number): Promise<number> =>
  reader.rowsRead(async () => {
    for (const pass of PASSES)
      for (let [after, isLast] = [pass.ends[0], false]; !isLast;) {
        const range = await nextRange(connection, pass, { after, rows: rowsAtOnce });
        for (const check of pass.checks) await connection.query(check.sql(withinRange(range)));
        await countRows(connection, pass, range);
        [after, isLast] = [range.upTo, range.isLast];
      }
  });

describe('the rows read', () => {
  test('are those of the connection that stays open, though another ends meanwhile', async () => {
    const other = await openConnection(databaseUrl);
    await other.query('SELECT COUNT(email) FROM customers');
    const read = await reader.rowsRead(async () => {
      await other.end();
      await until(
        'the server to have ended the other connection',
        () => connection.query('SELECT id FROM information_schema.processlist WHERE id = ?', [other.threadId]),
        (rows: unknown[]) => rows.length === 0,
      );
      await connection.query('SELECT COUNT(email) FROM customers');
    });
    expect(read).toBeGreaterThanOrEqual(300);
  });
});

describe('a whole check', () => {
  test('reads each row a bounded number of times, and no more in small ranges than at once', async () => {
    const { rows, drifts } = await verifyDatabase({ databaseUrl });
    expect(drifts).toEqual([]);
    const whole = await rowsReadBy(1_000_000);
    expect(whole).toBeGreaterThan(rows);
    expect(whole).toBeLessThan(rows * 16);
    expect(await rowsReadBy(50)).toBeLessThan(whole * 1.5);
  });
});
