import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRandom } from '../../src/data/seed/random.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT_WITH_DATABASE, startGateway, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { createSoak } from '../support/soak.ts';
import { askOf, createCacheModel } from './cache-model.ts';
import { observeRedis, type ObservedRedis } from './observed-redis.ts';

const { seed, again, goesOn, isSoak, report } = createSoak('near');
const CUSTOMERS = 4;
const READERS = 6;
const WRITES = 30;
const NEAR_HITS = 'concierge_cache_near_hits_total';

describe('answers from the memory of several gateways', () => {
  let servers: OwnServers;
  let redis: ObservedRedis;
  let gateways: readonly TestGateway[];
  let first: TestGateway;
  /** A gateway that does not wait for the others. */
  let hasty: TestGateway;
  beforeAll(async () => {
    servers = await startOwnServers();
    const [databaseUrl, redisUrl] = [servers.database.url, servers.redis.url];
    await seedDatabase({ databaseUrl, customers: CUSTOMERS, ordersPerCustomer: 1, seed: 1 });
    redis = observeRedis(redisUrl);
    const start = (redisIsPrivate = false) =>
      startGateway({ databaseUrl, redisUrl, settings: PATIENT_WITH_DATABASE, redisIsPrivate });
    gateways = await Promise.all([start(), start(), start()]);
    [first] = gateways as [TestGateway];
    hasty = await start(true);
    await untilRedisUp(...gateways, hasty);
  });
  afterAll(async () => {
    await Promise.all([...gateways, hasty].map((gateway) => gateway.close()));
    redis.close();
    await servers.close();
  });

  const nearHits = async () =>
    (await Promise.all(gateways.map((one) => one.metric(NEAR_HITS)))).reduce((a, b) => a + b);
  /** Reads from all gateways while `work` is done. */
  const whileReading = async (
    model: ReturnType<typeof createCacheModel>,
    work: () => Promise<unknown>,
  ): Promise<void> => {
    const done = new AbortController();
    const reading = Array.from({ length: READERS }, async (_, reader) => {
      const random = createRandom(seed, reader + 1);
      while (!done.signal.aborted) await model.readOne(askOf(random.pick(gateways)), random.between(1, CUSTOMERS));
    });
    try {
      await work();
    } finally {
      done.abort();
      await Promise.all(reading);
    }
  };

  test('are at least as new as the last write that was answered before, whatever breaks', async () => {
    const model = createCacheModel(CUSTOMERS);
    const random = createRandom(seed, 0);
    const breakages: (() => Promise<unknown>)[] = [
      () => redis.client.client('PAUSE', random.between(1, 800), 'ALL'),
      () => redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
      () => redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
      () => redis.client.flushall(),
      () => redis.client.del('concierge:near'),
      () => redis.client.del('concierge:invalidations'),
    ];
    for (let id = 1; id <= CUSTOMERS; id += 1) await model.write(askOf(first), id);
    let writes = 0;
    await whileReading(model, async () => {
      while (goesOn(writes >= WRITES && (await nearHits()) > 10)) {
        writes += 1;
        // Faults now and then, so that the memory is used in between.
        if (random.below(isSoak ? 15 : 30) === 0) await random.pick(breakages)();
        // Each write has a customer of its own at any time.
        const one = random.between(1, CUSTOMERS);
        const both = [one, (one % CUSTOMERS) + 1];
        await Promise.all(both.map((id) => model.write(askOf(random.pick(gateways)), id)));
      }
    });
    report(`${writes} writes and ${await nearHits()} answers from memory, all new enough`);
    expect({ again, illegal: model.illegal }).toEqual({ again, illegal: [] });
  });

  test('are stale after a write that does not wait for these gateways', async () => {
    const model = createCacheModel(CUSTOMERS);
    await redis.client.flushall();
    // Its numbers begin anew.
    for (let id = 1; id <= CUSTOMERS; id += 1) await model.write(askOf(first), id);
    await whileReading(model, () =>
      until(
        'a stale answer',
        async () => {
          await model.write(askOf(hasty), 1);
          return model.illegal;
        },
        (illegal) => illegal.some((one) => one.startsWith('HIT:')),
      ),
    );
  });
});
