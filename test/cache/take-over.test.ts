import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { lockTable } from '../faults/table-lock.ts';
import { PATIENT_WITH_DATABASE, startGateway, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';

const CUSTOMERS = 20;
/** How often the one that executes renews its lease while the other is watched: long enough for the pauses to have grown. */
const RENEWALS = { first: 5, watched: 5 } as const;

let servers: OwnServers;
let control: Redis;
let monitor: Redis;
let waits: TestGateway;
let executes: GatewayProcess | undefined;
/** What is done to leases: looked at by whoever waits, and renewed by whoever executes. */
const seen: ('look' | 'renewal')[] = [];
beforeAll(async () => {
  servers = await startOwnServers();
  const { database, redis } = servers;
  await seedDatabase({ databaseUrl: database.url, customers: CUSTOMERS, ordersPerCustomer: 2, seed: 1 });
  control = new Redis(redis.url);
  // Before anybody else uses it: the client takes what is reported before its request is answered for the answer.
  monitor = await control.monitor();
  // Scripts, which have the lease as their first key: one of two keys takes it, and one of one key replaces it.
  monitor.on('monitor', (_time: string, [command = '', , keys, key = '']: string[]) => {
    if (/^eval/i.test(command) && key.includes('lease:')) seen.push(keys === '2' ? 'look' : 'renewal');
  });
  waits = await startGateway({ databaseUrl: database.url, redisUrl: redis.url, settings: PATIENT_WITH_DATABASE });
  await untilRedisUp(waits);
});
afterAll(async () => {
  monitor.disconnect();
  control.disconnect();
  executes?.kill('SIGKILL');
  await waits.close();
  await servers.close();
});

/** Reads the customer first, and then waits for the lock of its orders. */
const pageOf = (id: number) =>
  `{ customer(by: {id: "${nodeId('Customer', id)}"}) { name orders(first: 1) { nodes { number } } } }`;

async function startExecuting(): Promise<{ readonly url: string; readonly process: GatewayProcess }> {
  const settings = { ...PATIENT_WITH_DATABASE, DATABASE_URL: servers.database.url, REDIS_URL: servers.redis.url };
  const process = startProcess(settings);
  executes = process;
  const url = await process.address;
  await untilRedisUp({ url });
  return { url, process };
}

/** The only lease there is: who has it, and for how many ms if nobody renews it. */
async function leaseNow(): Promise<{ readonly holder: string | null; readonly leftMs: number }> {
  const [key = 'none'] = await control.keys('*lease:*');
  const [[, holder] = [], [, leftMs] = []] = (await control.multi().get(key).pttl(key).exec()) ?? [];
  return { holder: holder as string | null, leftMs: leftMs as number };
}

/** How often it was looked at between renewals, but for the first ones, and how often it was renewed meanwhile. */
function watched(): { readonly looks: number; readonly renewals: number } {
  let before = 0;
  const after = seen.filter((what) => {
    if (before < RENEWALS.first && what === 'renewal') before += 1;
    else if (before === RENEWALS.first) return true;
    return false;
  });
  const looks = after.filter((what) => what === 'look').length;
  return { looks, renewals: after.length - looks };
}

/**
 * Has one gateway execute a query and another one wait for it, and kills the one that executes.
 * @returns undefined if that one was so late, on a busy machine, that its lease had ended before
 */
async function killWhileOtherWaits(id: number) {
  const lock = await lockTable(servers.database.url, 'orders');
  try {
    const { url, process } = await startExecuting();
    seen.length = 0;
    // It is never answered.
    fetch(`${url}/graphql?${new URLSearchParams({ query: pageOf(id) })}`).catch(() => undefined);
    await lock.waiting(1);
    const { holder } = await leaseNow();
    const before = await waits.metric('concierge_executions_total');
    const answer = waits.request(pageOf(id));
    await until(
      'the other to look at least as often as the lease is renewed',
      watched,
      ({ looks, renewals }) => renewals >= RENEWALS.watched && looks >= renewals,
    );
    const executedMeanwhile = (await waits.metric('concierge_executions_total')) - before;
    const atKill = await leaseNow();
    process.kill('SIGKILL');
    const { signal } = await process.ended;
    if (holder === null || atKill.holder !== holder) return undefined;
    const successor = await until(
      'the other to take the lease',
      leaseNow,
      (now) => now.holder !== null && now.holder !== holder,
    );
    await lock.release();
    return { signal, executedMeanwhile, atKill, successor, answer: await answer };
  } finally {
    await lock.release();
  }
}

test('when a gateway is killed that executes what another one waits for, that one takes over within a second', async () => {
  const takenOver = () => waits.metric('concierge_cache_waits_total{outcome="taken over"}');
  let [id, before] = [0, 0];
  const found = await until('a gateway that has its lease when it is killed', async () => {
    before = await takenOver();
    return killWhileOtherWaits((id += 1));
  });
  if (found === undefined) throw new Error('not reached');
  const { signal, executedMeanwhile, atKill, successor, answer } = found;
  expect({ signal, executedMeanwhile }).toEqual({ signal: 'SIGKILL', executedMeanwhile: 0 });
  // Then, one more look, of which there is at least one each time a lease is renewed: every 200 ms.
  expect(atKill.leftMs).toBeGreaterThan(0);
  expect(atKill.leftMs).toBeLessThanOrEqual(750);
  expect(successor.leftMs).toBeLessThanOrEqual(750);
  expect(answer.errors).toEqual([]);
  expect(answer.data.customer.orders.nodes).toHaveLength(1);
  expect(answer.headers.get('x-cache')).toBe('MISS');
  expect((await takenOver()) - before).toBe(1);
  expect((await waits.request(pageOf(id))).headers.get('x-cache')).toBe('HIT');
});
