import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { redisFaults } from './redis-faults.ts';
import { startSilentProxy } from './silent-proxy.ts';

/** What the contract allows Redis to cost a request while it is away. */
const MORE_MS = 50;
const HICCUP_MS = 100;
const BACK_MS = 5_000;
const LIST = 'query($text: String) { customers(first: 5, filter: {nameStartsWith: $text}) { nodes { name } } }';
const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { company } userErrors { code } } }';

const cacheOf = (answer: Answer) => answer.headers.get('x-cache');
let turn = 0;
/** A text that no request has had before. */
const unique = () => `q${(turn += 1)}`;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a gateway whose Redis', () => {
  let servers: OwnServers;
  let gateway: TestGateway;
  let uncached: TestGateway;
  let control: Redis;
  let customerId: string;
  beforeAll(async () => {
    servers = await startOwnServers();
    const databaseUrl = servers.database.url;
    await seedDatabase({ databaseUrl, customers: 30, ordersPerCustomer: 1, seed: 1 });
    // Speaks to the server from beside the gateway, before and after what is done to it.
    control = new Redis(servers.redis.url);
    control.on('error', () => undefined);
    uncached = await startGateway({ databaseUrl });
    gateway = await startGateway({ databaseUrl, redisUrl: servers.redis.url });
    await useOfCache(gateway);
    customerId = (await gateway.data('{ customers(first: 1) { nodes { id } } }')).customers.nodes[0].id;
  });
  afterAll(async () => {
    control.disconnect();
    await Promise.all([gateway.close(), uncached.close()]);
    await servers.close();
  });

  /** Resolves with how long it took until answers were stored and found again. */
  async function useOfCache(of: TestGateway): Promise<number> {
    const start = performance.now();
    for (;;) {
      const variables = { text: unique() };
      await of.request(LIST, { variables });
      if (cacheOf(await of.request(LIST, { variables })) === 'HIT') return performance.now() - start;
      if (performance.now() - start > 2 * BACK_MS) return Number.POSITIVE_INFINITY;
      await sleep(20);
    }
  }

  const company = `{ customer(by: {id: "ID"}) { company } }`;
  const askCompany = (of: TestGateway) => of.request(company.replace('ID', customerId));
  const write = async (name: string) => {
    const { updateCustomer } = await gateway.data(UPDATE, { input: { id: customerId, company: name } });
    expect(updateCustomer).toEqual({ customer: { company: name }, userErrors: [] });
  };

  async function timed(of: TestGateway): Promise<number> {
    const start = performance.now();
    const answer = await of.request(LIST, { variables: { text: unique() } });
    const took = performance.now() - start;
    expect([answer.status, answer.errors]).toEqual([200, []]);
    expect(['BYPASS', 'MISS']).toContain(cacheOf(answer));
    return took;
  }

  /** Requests one by one and many at once, beside a gateway without a cache: none may be held up. */
  async function expectAsUncached(): Promise<void> {
    const more: number[] = [];
    for (const atOnce of [1, 1, 1, 10, 1, 1, 10]) {
      // At the same time, in the same process: what holds the machine up holds up both.
      const [without, within] = await Promise.all(
        [uncached, gateway].map((of) => Promise.all(Array.from({ length: atOnce }, () => timed(of)))),
      );
      if (without === undefined || within === undefined) throw new Error('nothing was asked');
      more.push(Math.max(...within) - Math.max(...without));
    }
    // The first is the one that finds out. A round may have a hiccup all the same.
    expect(more[0]).toBeLessThan(MORE_MS + HICCUP_MS);
    expect(more.sort((a, b) => a - b)[Math.floor(more.length / 2)]).toBeLessThan(MORE_MS);
    expect(more.at(-2)).toBeLessThan(MORE_MS + HICCUP_MS);
  }

  test.each(
    redisFaults(
      () => servers.redis,
      () => control,
    ),
  )('$name answers as if uncached, and uses it again within 5 s', async ({ cause, mend }) => {
    await useOfCache(gateway);
    const failures = await gateway.metric('concierge_redis_failures_total');
    await write('Old Ltd');
    await askCompany(gateway);
    expect(cacheOf(await askCompany(gateway))).toBe('HIT');
    await cause();
    try {
      await expectAsUncached();
      // A write that Redis may not hear of must show all the same, now and once Redis is back.
      await write('New Ltd');
      expect((await askCompany(gateway)).data.customer.company).toBe('New Ltd');
      await expectAsUncached();
      expect(await gateway.metric('concierge_redis_failures_total')).toBeGreaterThan(failures);
    } finally {
      await mend();
    }
    const start = performance.now();
    let answer: Answer;
    do {
      answer = await askCompany(gateway);
      expect(answer.data.customer.company).toBe('New Ltd');
      await sleep(5);
    } while (cacheOf(answer) !== 'HIT' && performance.now() - start < BACK_MS);
    expect(cacheOf(answer)).toBe('HIT');
    expect(await useOfCache(gateway)).toBeLessThan(BACK_MS);
  });

  test('lost the connection without a word gives it up and connects anew within 5 s', async () => {
    const proxy = await startSilentProxy(Number(new URL(servers.redis.url).port));
    const behind = await startGateway({
      databaseUrl: servers.database.url,
      redisUrl: `redis://127.0.0.1:${proxy.port}`,
      settings: { CACHE_PREFIX: 'proxied:' },
    });
    try {
      await useOfCache(behind);
      proxy.silence();
      expect(cacheOf(await behind.request(LIST, { variables: { text: unique() } }))).toBe('BYPASS');
      expect(await useOfCache(behind)).toBeLessThan(BACK_MS);
    } finally {
      await behind.close();
      await proxy.close();
    }
  });

  test('is away at start starts all the same, and uses it once it is there', async () => {
    await servers.redis.kill();
    let late: TestGateway | undefined;
    try {
      late = await startGateway({ databaseUrl: servers.database.url, redisUrl: servers.redis.url });
      await timed(late);
      const ready = await fetch(`${late.url}/health/ready`);
      expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'degraded' }]);
    } finally {
      await servers.redis.start();
    }
    expect(await useOfCache(late)).toBeLessThan(BACK_MS);
    await late.close();
  });

  test('hangs is asked by one request in half a second, however many there are', async () => {
    await useOfCache(gateway);
    servers.redis.pause();
    try {
      await timed(gateway);
      const before = await gateway.metric('concierge_redis_failures_total');
      const end = performance.now() + 1_700;
      let asked = 0;
      while (performance.now() < end) {
        await Promise.all(Array.from({ length: 10 }, () => timed(gateway)));
        asked += 10;
      }
      const failures = (await gateway.metric('concierge_redis_failures_total')) - before;
      expect(asked).toBeGreaterThan(50);
      // Every 540 ms, until the connection itself is given up.
      expect(failures).toBeGreaterThanOrEqual(2);
      expect(failures).toBeLessThanOrEqual(4);
    } finally {
      servers.redis.resume();
    }
    expect(await useOfCache(gateway)).toBeLessThan(BACK_MS);
  });

  test('was away says so once in the log, and once that it is back', async () => {
    const from = gateway.logLines.length;
    await servers.redis.kill();
    for (let i = 0; i < 5; i += 1) await timed(gateway);
    await sleep(500);
    await servers.redis.start();
    await useOfCache(gateway);
    const messages = gateway.logLines.slice(from).map((line) => JSON.parse(line) as { level: number; msg: string });
    const told = messages.filter(({ level }) => level >= 30).map(({ msg }) => msg);
    // One line for each absence, however many requests it met. A busy machine may add a short absence of its own.
    const turns = ['Redis is away; answers are not cached until it is back', 'Redis is back'];
    expect(told.length).toBeGreaterThanOrEqual(2);
    expect(told).toEqual(told.map((_, i) => turns[i % 2]));
    expect(told.at(-1)).toBe('Redis is back');
  });

  test('was emptied or restarted answers from the database, never with what was stored before', async () => {
    await useOfCache(gateway);
    await askCompany(gateway);
    await control.flushall();
    expect(cacheOf(await askCompany(gateway))).toBe('MISS');
    expect(cacheOf(await askCompany(gateway))).toBe('HIT');
  });

  test('has no free memory still hears of writes: another gateway does not serve what was stored before', async () => {
    const other = await startGateway({ databaseUrl: servers.database.url, redisUrl: servers.redis.url });
    try {
      await useOfCache(other);
      await write('Before Ltd');
      await askCompany(gateway);
      await askCompany(gateway);
      expect(cacheOf(await askCompany(other))).toBe('HIT');
      await control.config('SET', 'maxmemory-policy', 'noeviction');
      await control.config('SET', 'maxmemory', '1');
      await write('After Ltd');
      expect((await askCompany(other)).data.customer.company).toBe('After Ltd');
    } finally {
      await control.config('SET', 'maxmemory', '256mb');
      await control.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await other.close();
    }
  });
});
