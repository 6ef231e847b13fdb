import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT_WITH_DATABASE, startGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { startOwnRedisPair, type OwnRedisPair } from './own-redis-pair.ts';
import { withClient } from './own-sentinel.ts';
import { createNumberedCustomer } from './standing-gateways.ts';

describe('after Redis has failed over and back, to a server that has not got the writes in between', () => {
  let database: TestDatabase;
  let redis: OwnRedisPair;
  let a: TestGateway;
  let b: TestGateway;
  const customer = createNumberedCustomer();
  // Not from memory, from which a gateway would also answer before it has connected to the other server.
  const settings = { ...PATIENT_WITH_DATABASE, CACHE_NEAR_BYTES: '0' };
  const start = () => startGateway({ databaseUrl: database.url, redisUrl: redis.url, settings });
  beforeAll(async () => {
    [database, redis] = await Promise.all([createDatabase(), startOwnRedisPair()]);
    await seedDatabase({ databaseUrl: database.url, customers: 3, ordersPerCustomer: 1, seed: 1 });
    [a, b] = [await start(), await start()];
  });
  afterAll(async () => {
    await Promise.all([a.close(), b.close()]);
    await redis.close();
    await database.drop();
  });

  beforeEach(async () => {
    await customer.writeToSecond(redis, a, b);
    expect(customer.staleAnswers()).toEqual([]);
  });

  // More than once, since then both servers have had entries that every gateway has read.
  test.each([1, 2, 3])('what the first server has stored is stale, time %i', async () => {
    redis.use(0);
    await Promise.all([a, b].map((one) => customer.whileReading(one, () => customer.untilHit(one))));
    expect(customer.staleAnswers()).toEqual([]);
  });

  test('a write that is the first to find the first server again is not lost either', async () => {
    redis.use(0);
    await customer.whileReading(b, async () => {
      await customer.write(a);
      await customer.untilHit(b, a);
    });
    expect(customer.staleAnswers()).toEqual([]);
  });

  test('one that is not asked for anything tells the others', async () => {
    const idle = await start();
    try {
      await customer.untilHit(idle);
      await Promise.all([a.close(), b.close()]);
      const entries = () => withClient(redis.ports[0], (client) => client.xlen('concierge:invalidations'));
      const before = await entries();
      redis.use(0);
      await until('the idle gateway to tell', entries, (count) => count > before);
      [a, b] = [await start(), await start()];
      await customer.whileReading(b, () => customer.untilHit(b, a));
    } finally {
      await idle.close();
    }
    expect(customer.staleAnswers()).toEqual([]);
  });
});
