import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { createRandom } from '../../src/data/seed/random.ts';
import type { TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import type { Ask } from './cache-model.ts';

const CUSTOMERS = 4;
const READERS = 8;

let servers: OwnServers;
let gateways: readonly TestGateway[];
/** Imported after the mock, as whatever imports the gateway must be. */
let model: ReturnType<typeof import('./cache-model.ts').createCacheModel>;
let asks: readonly Ask[];
let isOver = false;
beforeAll(async () => {
  const real = await import('../../src/cache/lookups.ts');
  // Gateways that store responses late, as of that moment, and not of the one in which their execution began.
  jest.unstable_mockModule('../../src/cache/lookups.ts', () => ({
    ...real,
    createLookups(options: Parameters<typeof real.createLookups>[0] & { log: { newest(): string | undefined } }) {
      const decide = real.createLookups(options);
      const late: typeof decide = (found, policy, given) => {
        const lookup = decide(found, policy, given);
        if (lookup.result !== 'MISS') return lookup;
        return {
          ...lookup,
          async store(response) {
            const newest = () => options.log.newest() ?? found.position;
            await until('a write', () => isOver || newest() !== found.position);
            const again = decide({ ...found, position: newest() }, policy, { ...given, refresh: true });
            if (again.result === 'MISS') await again.store(response);
          },
        };
      };
      return late;
    },
  }));
  const { askOf, createCacheModel } = await import('./cache-model.ts');
  const { startGateway, untilRedisUp, PATIENT_WITH_DATABASE } = await import('../support/gateway.ts');
  servers = await startOwnServers();
  const [databaseUrl, redisUrl] = [servers.database.url, servers.redis.url];
  await seedDatabase({ databaseUrl, customers: CUSTOMERS, ordersPerCustomer: 1, seed: 1 });
  const start = () => startGateway({ databaseUrl, redisUrl, settings: PATIENT_WITH_DATABASE });
  gateways = await Promise.all([start(), start()]);
  await untilRedisUp(...gateways);
  asks = gateways.map(askOf);
  model = createCacheModel(CUSTOMERS);
});
afterAll(async () => {
  isOver = true;
  await Promise.all(gateways.map((gateway) => gateway.close()));
  await servers.close();
});

test('the model finds gateways that store what was read before a write as if it were from after it', async () => {
  const [first] = asks as [Ask, Ask];
  for (let id = 1; id <= CUSTOMERS; id += 1) await model.write(first, id);
  const done = new AbortController();
  const reading = Array.from({ length: READERS }, async (_, reader) => {
    const random = createRandom(1, reader + 1);
    while (!done.signal.aborted) await model.readOne(random.pick(asks), random.between(1, CUSTOMERS));
  });
  const random = createRandom(1, 0);
  try {
    await until(
      'a response of before a write',
      async () => {
        await model.write(random.pick(asks), random.between(1, CUSTOMERS));
        return model.illegal.length;
      },
      (count) => count > 0,
    );
  } finally {
    done.abort();
    await Promise.all(reading);
  }
  expect(model.illegal[0]).toMatch(/^(HIT|MISS): customer \d is \d+, not \d+ to \d+$/);
});
