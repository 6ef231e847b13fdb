import { expect, test } from '@jest/globals';
import { createDatabase as openDatabase } from '../../src/db/database.ts';
import { NEVER } from '../../src/time-limit.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { startCuttingProxy } from '../faults/cutting-proxy.ts';
import { createDatabase } from '../support/servers.ts';

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
