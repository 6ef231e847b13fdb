import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { ANY_COST, startGateway, type TestGateway } from '../support/gateway.ts';
import { pause } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';

const DEEP = `{ agents(first: 5) { nodes { customers(first: 50) { nodes { orders(first: 10) { nodes {
  items { product { name } } } } } } } } }`;

describe('a request that nobody waits for any more', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
    await seedDatabase({ databaseUrl: database.url, customers: 300, ordersPerCustomer: 5, seed: 1 });
  });
  afterAll(() => database.drop());

  /** How many statements the gateway sends from now until it has sent none for a while. */
  const statementsAfter = async (gateway: TestGateway): Promise<number> => {
    const sent = await gateway.statementsOf(() => pause(700));
    return [...sent.values()].reduce((sum, count) => sum + count, 0);
  };

  test('asks the database for nothing more once its time is up', async () => {
    const gateway = await startGateway({
      databaseUrl: database.url,
      settings: { ...ANY_COST, LIMIT_REQUEST_MS: '10' },
    });
    const codes = new Set<string | undefined>();
    for (let time = 0; time < 5; time += 1) codes.add((await gateway.request(DEEP)).errors[0]?.extensions.code);
    expect(codes).toContain('TIMEOUT');
    // What was on its way when time was up comes back; the levels below it are not asked for.
    expect(await statementsAfter(gateway)).toBe(0);
    await gateway.close();
  });

  test('asks the database for nothing more once its client has gone', async () => {
    const gateway = await startGateway({ databaseUrl: database.url, settings: ANY_COST });
    await gateway.data(DEEP);
    const leaving = new AbortController();
    const all = await gateway.statementsOf(async () => {
      const asked = fetch(`${gateway.url}/graphql?query=${encodeURIComponent(DEEP)}`, { signal: leaving.signal });
      void pause(2).then(() => leaving.abort());
      await expect(asked).rejects.toThrow(/aborted/);
      await pause(700);
    });
    expect([...all.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(5);
    await gateway.close();
  });
});
