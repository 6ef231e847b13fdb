import { expect, test } from '@jest/globals';
import { createDatabase as openDatabase } from '../../src/db/database.ts';
import { NEVER } from '../../src/time-limit.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { startCuttingProxy } from '../faults/cutting-proxy.ts';
import { createDatabase, withConnection } from '../support/servers.ts';

test("the adapter of our reads learns the server's version when it connects", async () => {
  const database = await createDatabase();
  const url = new URL(database.url);
  const proxy = await startCuttingProxy(Number(url.port));
  // Counts lost answers: the adapter silently carries on without one.
  proxy.loseAnswers(/SELECT VERSION\(\)/, 1);
  url.port = String(proxy.port);
  const db = await openDatabase({
    url: url.href,
    connections: 2,
    statementMs: 600_000,
    waitMs: 600_000,
    metrics: createMetrics(),
  });
  try {
    expect(proxy.cuts()).toBe(1);
    expect(await db.reader(NEVER).read({ name: 'one', sql: 'SELECT ?', values: ['a'] })).toEqual([['a']]);
  } finally {
    await db.close();
    await proxy.close();
    await database.drop();
  }
});

test('each read goes by the signal of its own reader, though the adapter does not pass signals on', async () => {
  const database = await createDatabase();
  const options = { connections: 1, statementMs: 600_000, waitMs: 600_000, metrics: createMetrics() };
  const db = await openDatabase({ url: database.url, ...options });
  const leaving = new AbortController();
  const read = (signal: AbortSignal, value: string, sql = 'SELECT ?') =>
    db.reader(signal).read({ name: 'one', sql, values: [value] });
  try {
    await withConnection(database.url, async (holder) => {
      const name = database.url.slice(-30);
      await holder.query('SELECT GET_LOCK(?, 0)', [name]);
      // Takes the only connection until the lock is released, so the others wait for it.
      const running = read(NEVER, name, 'SELECT GET_LOCK(?, 600)');
      const [left, next] = [read(leaving.signal, 'b'), read(NEVER, 'c')];
      leaving.abort(new Error('gone'));
      await holder.query('SELECT RELEASE_LOCK(?)', [name]);
      await expect(left).rejects.toThrow('gone');
      expect(await running).toHaveLength(1);
      expect(await next).toEqual([['c']]);
    });
    await expect(read(leaving.signal, 'd')).rejects.toThrow('gone');
    expect(await read(NEVER, 'e')).toEqual([['e']]);
  } finally {
    await db.close();
    await database.drop();
  }
});

test('its sessions are strict and in UTC, whatever the server is set to', async () => {
  const database = await createDatabase();
  const options = { connections: 1, statementMs: 600_000, waitMs: 600_000, metrics: createMetrics() };
  const db = await openDatabase({ url: database.url, ...options });
  try {
    const sql = 'SELECT @@SESSION.time_zone, @@SESSION.sql_mode';
    const [[zone, mode] = []] = await db.reader(NEVER).read({ name: 'one', sql, values: [] });
    const modes = ['ERROR_FOR_DIVISION_BY_ZERO', 'NO_ZERO_DATE', 'NO_ZERO_IN_DATE', 'STRICT_TRANS_TABLES'];
    expect([zone, String(mode).split(',').toSorted()]).toEqual(['+00:00', modes]);
  } finally {
    await db.close();
    await database.drop();
  }
});
