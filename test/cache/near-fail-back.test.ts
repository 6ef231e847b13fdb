import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { startProxy, type Proxy } from '../faults/proxy.ts';
import { type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { startOwnRedisPair, type OwnRedisPair } from './own-redis-pair.ts';
import { createNumberedCustomer, startStanding } from './standing-gateways.ts';

/** A gateway's own way to one of two servers. */
interface Way {
  readonly proxy: Proxy;
  /** As with a name whose address is changed; ends all connections. */
  readonly use: (which: 0 | 1) => void;
  /** Passes nothing on any more, until it leads elsewhere. */
  readonly silence: () => void;
}

let database: TestDatabase;
let redis: OwnRedisPair;
let ways: readonly [Way, Way];
let writer: TestGateway;
let reader: TestGateway;
const customer = createNumberedCustomer();
beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), startOwnRedisPair()]);
  await seedDatabase({ databaseUrl: database.url, customers: 3, ordersPerCustomer: 1, seed: 1 });
  ways = [await startWay(), await startWay()];
  const behind = ({ proxy }: Way) => startStanding(database.url, `redis://127.0.0.1:${proxy.port}`);
  [writer, reader] = [await behind(ways[0]), await behind(ways[1])];
});
afterAll(async () => {
  await Promise.all([writer.close(), reader.close()]);
  await Promise.all(ways.map(({ proxy }) => proxy.close()));
  await redis.close();
  await database.drop();
});

async function startWay(): Promise<Way> {
  let which: 0 | 1 = 0;
  let isSilent = false;
  const proxy = await startProxy(
    () => redis.ports[which],
    (client, upstream) => {
      client.on('data', (data: Buffer) => !isSilent && upstream.write(data));
      upstream.on('data', (data: Buffer) => !isSilent && client.write(data));
    },
  );
  return {
    proxy,
    use(to) {
      [which, isSilent] = [to, false];
      proxy.destroyAll();
    },
    silence() {
      isSilent = true;
    },
  };
}

const waits = (outcome: string) => writer.metric(`concierge_cache_near_waits_total{outcome="${outcome}"}`);
const nearHits = () => reader.metric('concierge_cache_near_hits_total');

/** Has the reader answer from memory, registered at a server that both use. */
async function bothUse(which: 0 | 1): Promise<void> {
  for (const way of ways) way.use(which);
  const acknowledged = await waits('acknowledged');
  await until('a write that the reader acknowledges there', async () => {
    await customer.untilHit(writer, reader);
    const before = await nearHits();
    await customer.read(reader);
    if ((await nearHits()) > before) await customer.write(writer);
    return (await waits('acknowledged')) > acknowledged;
  });
  const before = await nearHits();
  await until('an answer from memory', async () => {
    await customer.read(reader);
    return (await nearHits()) > before;
  });
}

/** Returns whether the writer has waited for leases that it cannot know of, and how often the reader answered from memory meanwhile. */
async function failBack(): Promise<{ readonly hasWaited: boolean; readonly hits: number }> {
  // The first server has a registry, and the reader is in it, too: the writer has used it before.
  await bothUse(0);
  await bothUse(1);
  const [before, hits] = [await waits('unknown'), await nearHits()];
  await customer.whileReading(reader, async () => {
    ways[1].silence();
    ways[0].use(0);
    await customer.write(writer);
    await customer.read(reader);
  });
  return { hasWaited: (await waits('unknown')) > before, hits: (await nearHits()) - hits };
}

test('after a fail-back, a write waits for who answers from memory by a lease of the other server', async () => {
  // On a busy machine, that lease may have ended before there is anything to wait for.
  const { hits } = await until('a write that has waited', failBack, ({ hasWaited }) => hasWaited);
  expect(hits).toBeGreaterThan(0);
  expect(customer.staleAnswers()).toEqual([]);
  // Who has followed to the first server is known there by name again.
  await bothUse(0);
  expect(customer.staleAnswers()).toEqual([]);
});
