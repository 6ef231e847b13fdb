import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { assertTime, measured, pause, until, within } from '../support/patience.ts';
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

  /** Resolves once answers are stored and found again. */
  async function useOfCache(of: TestGateway): Promise<void> {
    const secondAnswer = async () => {
      const variables = { text: unique() };
      await of.request(LIST, { variables });
      return cacheOf(await of.request(LIST, { variables }));
    };
    await until('an answer from the cache', secondAnswer, (result) => result === 'HIT');
  }

  const company = `{ customer(by: {id: "ID"}) { company } }`;
  const askCompany = (of: TestGateway) => of.request(company.replace('ID', customerId));
  /** What the cache says of the company's page, once Redis was in time to say something. */
  const resultOf = (of: TestGateway) =>
    until(
      'a result of the cache',
      async () => cacheOf(await askCompany(of)),
      (result) => result !== 'BYPASS',
    );
  const stored = (of: TestGateway) =>
    until(
      'an answer from the cache',
      () => resultOf(of),
      (result) => result === 'HIT',
    );
  const write = async (name: string) => {
    const { updateCustomer } = await gateway.data(UPDATE, { input: { id: customerId, company: name } });
    expect(updateCustomer).toEqual({ customer: { company: name }, userErrors: [] });
  };

  /** Asks for something new, with or without Redis. */
  async function askNew(of: TestGateway): Promise<void> {
    const answer = await of.request(LIST, { variables: { text: unique() } });
    expect([answer.status, answer.errors]).toEqual([200, []]);
    expect(['BYPASS', 'MISS']).toContain(cacheOf(answer));
  }

  /** Requests one by one and many at once, beside a gateway without a cache: none may be held up. */
  async function expectAsUncached(): Promise<void> {
    const more: number[] = [];
    for (const atOnce of [1, 1, 1, 10, 1, 1, 10]) {
      const tookMs = async (of: TestGateway) =>
        (await measured(() => Promise.all(Array.from({ length: atOnce }, () => askNew(of))))).tookMs;
      // At the same time, in the same process: what holds the machine up holds up both.
      const [plain, cached] = await Promise.all([tookMs(uncached), tookMs(gateway)]);
      more.push(cached - plain);
    }
    const inOrder = more.toSorted((a, b) => a - b);
    // The first is the one that finds out. A round may have a hiccup all the same.
    assertTime('the first request beside one without a cache', more[0] ?? 0, MORE_MS + HICCUP_MS);
    assertTime('most requests beside those without', inOrder[Math.floor(more.length / 2)] ?? 0, MORE_MS);
    assertTime('nearly every request beside those without', inOrder.at(-2) ?? 0, MORE_MS + HICCUP_MS);
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
    await stored(gateway);
    await cause();
    try {
      await expectAsUncached();
      // A write that Redis may not hear of must show all the same, now and once Redis is back.
      await write('New Ltd');
      expect((await askCompany(gateway)).data.customer.company).toBe('New Ltd');
      await expectAsUncached();
      const failed = () => gateway.metric('concierge_redis_failures_total');
      await until('a failure to be counted', failed, (count) => count > failures);
    } finally {
      await mend();
    }
    const askAgain = async () => {
      const answer = await askCompany(gateway);
      expect(answer.data.customer.company).toBe('New Ltd');
      return cacheOf(answer);
    };
    await within(BACK_MS, 'coming back', async () => {
      await until('the answer from the cache', askAgain, (result) => result === 'HIT');
      await useOfCache(gateway);
    });
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
      await within(BACK_MS, 'connecting anew', () => useOfCache(behind));
    } finally {
      await behind.close();
      await proxy.close();
    }
  });

  test('is away at start starts all the same, and uses it once it is there', async () => {
    await servers.redis.kill();
    let started: TestGateway;
    try {
      started = await startGateway({ databaseUrl: servers.database.url, redisUrl: servers.redis.url });
      await askNew(started);
      const ready = await fetch(`${started.url}/health/ready`);
      expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'degraded' }]);
    } finally {
      await servers.redis.start();
    }
    await within(BACK_MS, 'finding it', () => useOfCache(started));
    await started.close();
  });

  test('hangs is asked by one request in half a second, however many there are', async () => {
    await useOfCache(gateway);
    servers.redis.pause();
    try {
      await askNew(gateway);
      const failures = () => gateway.metric('concierge_redis_failures_total');
      const before = await failures();
      let asked = 0;
      const { result: found, tookMs } = await measured(() =>
        until(
          'two more tries',
          async () => {
            await Promise.all(Array.from({ length: 10 }, () => askNew(gateway)));
            asked += 10;
            return (await failures()) - before;
          },
          (tries) => tries >= 2,
        ),
      );
      expect(asked).toBeGreaterThan(2 * found);
      // Every 540 ms, besides those to connect anew.
      expect(found).toBeLessThanOrEqual(2 + tookMs / 500);
    } finally {
      servers.redis.resume();
    }
    await within(BACK_MS, 'coming back', () => useOfCache(gateway));
  });

  test('was away says so once in the log, and once that it is back', async () => {
    const from = gateway.logLines.length;
    await servers.redis.kill();
    for (let i = 0; i < 5; i += 1) await askNew(gateway);
    // Tries to connect meanwhile are not told of, each.
    await pause(500);
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
    await stored(gateway);
    await control.flushall();
    expect(await resultOf(gateway)).toBe('MISS');
    await stored(gateway);
  });

  test('has no free memory still hears of writes: another gateway does not serve what was stored before', async () => {
    const other = await startGateway({ databaseUrl: servers.database.url, redisUrl: servers.redis.url });
    try {
      await useOfCache(other);
      await write('Before Ltd');
      await stored(gateway);
      await stored(other);
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
