import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createRandom, type Random } from '../../src/data/seed/random.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { pause } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { createSoak } from '../support/soak.ts';
import { createCacheModel } from './cache-model.ts';
import { observeRedis, type ObservedRedis } from './observed-redis.ts';
import { startCuttable, type CuttableGateway } from './three-gateways.ts';

const { seed, again, goesOn, isSoak, report } = createSoak('partitions');
const CUSTOMERS = 6;
const WRITERS = 2;
const READERS = 6;
const NEAR_HITS = 'concierge_cache_near_hits_total';

let servers: OwnServers;
let redis: ObservedRedis;
let gateways: readonly CuttableGateway[];
beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: CUSTOMERS, ordersPerCustomer: 1, seed: 1 });
  redis = observeRedis(servers.redis.url);
  gateways = await Promise.all([startCuttable(servers), startCuttable(servers), startCuttable(servers)]);
});
afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close()));
  redis.close();
  await servers.close();
});

type Fault = readonly [name: string, inject: (random: Random) => Promise<unknown>];

const ofGateway =
  (begin: (gateway: CuttableGateway) => void, end: (gateway: CuttableGateway) => void) =>
  async (random: Random): Promise<void> => {
    const gateway = random.pick(gateways);
    begin(gateway);
    await pause(random.between(10, 3_000));
    end(gateway);
  };
const mend = (gateway: CuttableGateway): void => gateway.mend();
const cut = ofGateway((gateway) => gateway.cut(), mend);
const stop = ofGateway(
  (gateway) => gateway.pause(),
  (gateway) => gateway.resume(),
);

const FAULTS: readonly Fault[] = [
  ['one gateway cut off from Redis', cut],
  ['one gateway gets no answer from Redis', ofGateway((gateway) => gateway.silence(), mend)],
  ['one gateway stopped', stop],
  ['one gateway stopped, and one cut off', (random) => Promise.all([cut(random), stop(random)])],
  [
    'all gateways cut off from Redis',
    async (random) => {
      for (const gateway of gateways) gateway.cut();
      await pause(random.between(10, 3_000));
      for (const gateway of gateways) gateway.mend();
    },
  ],
  ['Redis hung', (random) => redis.client.client('PAUSE', random.between(1, 2_000), 'ALL')],
  [
    'Redis killed, and started again empty',
    async (random) => {
      await servers.redis.kill();
      await pause(random.between(10, 1_000));
      await servers.redis.start();
    },
  ],
  ['connections of subscribers closed', () => redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')],
  ['all other connections closed', () => redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')],
  ['everything in Redis lost', () => redis.client.flushall()],
  ['the registry lost', () => redis.client.del('concierge:near')],
  ['the log of writes lost', () => redis.client.del('concierge:invalidations')],
];

test('no answer of three gateways is from before a write that was answered, whatever breaks', async () => {
  const model = createCacheModel(CUSTOMERS);
  for (let id = 1; id <= CUSTOMERS; id += 1) await model.write((gateways[0] as CuttableGateway).ask, id);
  const done = new AbortController();
  let writes = 0;
  const writing = Array.from({ length: WRITERS }, async (_, writer) => {
    const random = createRandom(seed, 100 + writer);
    while (!done.signal.aborted) {
      // Each customer has one writer.
      const id = writer + 1 + WRITERS * random.below(CUSTOMERS / WRITERS);
      await model.write(random.pick(gateways).ask, id);
      writes += 1;
      // So that responses are also found.
      await pause(random.below(60));
    }
  });
  const reading = Array.from({ length: READERS }, async (_, reader) => {
    const random = createRandom(seed, reader + 1);
    while (!done.signal.aborted) {
      const { ask } = random.pick(gateways);
      const what = random.pick(['one', 'one', 'one', 'list', 'count'] as const);
      if (what === 'one') await model.readOne(ask, random.between(1, CUSTOMERS));
      else if (what === 'list') await model.readList(ask);
      else await model.readCount(ask);
    }
  });
  const injected = new Map<string, number>();
  try {
    const random = createRandom(seed, 0);
    while (goesOn(injected.size === FAULTS.length)) {
      const left = isSoak ? FAULTS : FAULTS.filter(([name]) => !injected.has(name));
      const [name, inject] = random.pick(left);
      await inject(random);
      injected.set(name, (injected.get(name) ?? 0) + 1);
      await pause(random.between(10, isSoak ? 2_000 : 500));
    }
  } finally {
    done.abort();
    await Promise.all([...writing, ...reading]);
  }
  const nearHits = (await Promise.all(gateways.map((gateway) => gateway.metric(NEAR_HITS)))).reduce((a, b) => a + b);
  report(`${writes} writes, ${model.reads()} reads, ${nearHits} of them from memory`);
  for (const [name, times] of injected) report(`${times} times: ${name}`);
  expect({ again, illegal: model.illegal }).toEqual({ again, illegal: [] });
  expect(nearHits).toBeGreaterThan(0);
});
