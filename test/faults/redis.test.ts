import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, PATIENT_WITH_DATABASE, startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { assertTime, measured, until, within } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { redisFaults } from './redis-faults.ts';
import { startSilentProxy } from './silent-proxy.ts';

/** How much longer a request may take while Redis is down, according to the contract. */
const MORE_MS = 50;
const HICCUP_MS = 100;
const BACK_MS = 5_000;
/** How long the circuit breaker stays open after Redis did not answer. */
const BREAK_MS = 500;
const LIST = 'query($text: String) { customers(first: 5, filter: {nameStartsWith: $text}) { nodes { name } } }';
const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { company } userErrors { code } } }';

const cacheOf = (answer: Answer) => answer.headers.get('x-cache');
let turn = 0;
/** A text that no earlier request had. */
const unique = () => `q${(turn += 1)}`;
const OPENINGS = 'concierge_redis_breaker_openings_total';
const failures = (of: TestGateway) => of.metric('concierge_redis_failures_total');
/** The failures of requests that looked up a cached response. */
const lookupFailures = async (of: TestGateway): Promise<number> => {
  const text = await (await fetch(`${of.url}/metrics`)).text();
  const counts = text.matchAll(/^concierge_redis_failures_total\{purpose="lookup",reason="\w+"\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
};

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
    // An independent client of the server, before and after the fault.
    control = new Redis(servers.redis.url);
    control.on('error', () => undefined);
    uncached = await startGateway({ databaseUrl, settings: PATIENT_WITH_DATABASE });
    gateway = await startGateway({
      databaseUrl,
      redisUrl: servers.redis.url,
      settings: PATIENT_WITH_DATABASE,
    });
    await useOfCache(gateway);
    customerId = (await gateway.data('{ customers(first: 1) { nodes { id } } }')).customers.nodes[0].id;
  });
  afterAll(async () => {
    control.disconnect();
    await Promise.all([gateway.close(), uncached.close()]);
    await servers.close();
  });

  /** With a separate cache, and enough time to use it. */
  const startPatient = (prefix: string) =>
    startGateway({
      databaseUrl: servers.database.url,
      redisUrl: servers.redis.url,
      // Redis is asked each time.
      settings: { ...PATIENT, CACHE_PREFIX: prefix, CACHE_NEAR_BYTES: '0' },
    });

  /** Waits until responses are stored and found again. */
  async function useOfCache(of: TestGateway): Promise<void> {
    const look = async () => {
      const variables = { text: unique() };
      await of.request(LIST, { variables });
      return cacheOf(await of.request(LIST, { variables }));
    };
    await until('a response to be stored and found', look, (result) => result === 'HIT');
  }
  const backInTime = (of: TestGateway) => within(BACK_MS, 'the way back', () => useOfCache(of));

  const company = `{ customer(by: {id: "ID"}) { company } }`;
  const askCompany = (of: TestGateway) => of.request(company.replace('ID', customerId));
  /** Waits until the response comes from the cache; passes each response to `look`. */
  const untilStored = (of: TestGateway, look: (answer: Answer) => void = () => undefined) =>
    until(
      'the company to be stored and found',
      async () => {
        const answer = await askCompany(of);
        look(answer);
        return { result: cacheOf(answer), data: answer.data };
      },
      ({ result }) => result === 'HIT',
    );
  const write = async (name: string, by = gateway) => {
    const { updateCustomer } = await by.data(UPDATE, { input: { id: customerId, company: name } });
    expect(updateCustomer).toEqual({ customer: { company: name }, userErrors: [] });
  };

  async function timed(of: TestGateway): Promise<number> {
    const { result: answer, tookMs } = await measured(() => of.request(LIST, { variables: { text: unique() } }));
    expect([answer.status, answer.errors]).toEqual([200, []]);
    expect(['BYPASS', 'MISS']).toContain(cacheOf(answer));
    return tookMs;
  }

  /** Sends requests one by one and concurrently, next to a gateway without a cache: none may be delayed. */
  async function expectAsUncached(): Promise<void> {
    const more: number[] = [];
    for (const atOnce of [1, 1, 1, 10, 1, 1, 10]) {
      // Concurrently in the same process, so that a slow machine slows both down.
      const [without, cached] = await Promise.all(
        [uncached, gateway].map((of) => Promise.all(Array.from({ length: atOnce }, () => timed(of)))),
      );
      if (without === undefined || cached === undefined) throw new Error('nothing was asked');
      more.push(Math.max(...cached) - Math.max(...without));
    }
    // The first one detects the fault. Even so, a round may have a hiccup.
    const [first = Number.NaN] = more;
    assertTime('the first round, beside one without a cache,', first, MORE_MS + HICCUP_MS);
    const sorted = more.toSorted((a, b) => a - b);
    expect(sorted).toHaveLength(7);
    assertTime('a usual round, beside one without a cache,', sorted[3] ?? Number.NaN, MORE_MS);
    assertTime('the slowest round but one, beside one without a cache,', sorted[5] ?? Number.NaN, MORE_MS + HICCUP_MS);
  }

  test.each(
    redisFaults(
      () => servers.redis,
      () => control,
    ),
  )('$name responds as if there were no cache, and uses Redis again within 5 s', async ({ cause, mend }) => {
    await useOfCache(gateway);
    const before = await failures(gateway);
    await write('Old Ltd');
    await untilStored(gateway);
    await cause();
    try {
      await expectAsUncached();
      // A write that Redis may not hear of must be visible nevertheless, both now and once Redis is back.
      await write('New Ltd');
      expect((await askCompany(gateway)).data.customer.company).toBe('New Ltd');
      await expectAsUncached();
      // It may result only in a failure to reconnect, some time after the connection was lost.
      await until(
        'a failure to be counted',
        () => failures(gateway),
        (count) => count > before,
      );
    } finally {
      await mend();
    }
    const isNew = (answer: Answer) => expect(answer.data.customer.company).toBe('New Ltd');
    await within(BACK_MS, 'the way back', () => untilStored(gateway, isNew));
    await backInTime(gateway);
  });

  test('silently loses the connection closes it and reconnects within 5 s', async () => {
    const proxy = await startSilentProxy(Number(new URL(servers.redis.url).port));
    const behind = await startGateway({
      databaseUrl: servers.database.url,
      redisUrl: `redis://127.0.0.1:${proxy.port}`,
      settings: { ...PATIENT_WITH_DATABASE, CACHE_PREFIX: 'proxied:' },
    });
    try {
      await useOfCache(behind);
      proxy.silence();
      expect(cacheOf(await behind.request(LIST, { variables: { text: unique() } }))).toBe('BYPASS');
      await backInTime(behind);
    } finally {
      await behind.close();
      await proxy.close();
    }
  });

  test('is down at start starts anyway, and uses Redis once it is up', async () => {
    await servers.redis.kill();
    let late: TestGateway | undefined;
    try {
      late = await startGateway({
        databaseUrl: servers.database.url,
        redisUrl: servers.redis.url,
        settings: PATIENT_WITH_DATABASE,
      });
      await timed(late);
      const { url } = late;
      const ready = await until(
        'readiness without Redis',
        async () => {
          const response = await fetch(`${url}/health/ready`);
          return { code: response.status, body: await response.json() };
        },
        ({ body }) => body.status === 'degraded',
      );
      expect(ready.code).toBe(200);
    } finally {
      await servers.redis.start();
    }
    await backInTime(late);
    await late.close();
  });

  test('hangs sends it one command every half second, however many requests there are', async () => {
    await useOfCache(gateway);
    const opened = await gateway.metric(OPENINGS);
    servers.redis.pause();
    try {
      await timed(gateway);
      await until(
        'the circuit breaker to open',
        () => gateway.metric(OPENINGS),
        (count) => count > opened,
      );
      const [failed, lookedUp] = [await failures(gateway), await lookupFailures(gateway)];
      let asked = 0;
      const { tookMs } = await measured(() =>
        until(
          'fifty requests, and two more that failed to look up or to connect',
          async () => {
            await Promise.all(Array.from({ length: 10 }, () => timed(gateway)));
            asked += 10;
            return { asked, failures: (await failures(gateway)) - failed };
          },
          (seen) => seen.asked > 50 && seen.failures >= 2,
        ),
      );
      expect((await lookupFailures(gateway)) - lookedUp).toBeLessThanOrEqual(1 + tookMs / BREAK_MS);
    } finally {
      servers.redis.resume();
    }
    await backInTime(gateway);
  });

  test('was down logs that once, and once that it is back', async () => {
    const from = gateway.logLines.length;
    await servers.redis.kill();
    const before = await failures(gateway);
    for (let i = 0; i < 5; i += 1) await timed(gateway);
    await until(
      'several tries to connect',
      () => failures(gateway),
      (count) => count >= before + 3,
    );
    await servers.redis.start();
    await useOfCache(gateway);
    const messages = gateway.logLines.slice(from).map((line) => JSON.parse(line) as { level: number; msg: string });
    const told = messages.filter(({ level }) => level >= 30).map(({ msg }) => msg);
    // One line per outage, however many requests it affected. A busy machine may add a short outage of its own.
    const turns = [
      /^Redis (is down|has not replied in time); responses are not cached until it is back$/,
      /^Redis is back$/,
    ];
    expect(told.length).toBeGreaterThanOrEqual(2);
    expect(told).toEqual(told.map((_, i) => expect.stringMatching(turns[i % 2] as RegExp)));
    expect(told.at(-1)).toBe('Redis is back');
  });

  test('was emptied or restarted reads from the database, and never serves responses stored before', async () => {
    const patient = await startPatient('emptied:');
    try {
      await untilStored(patient);
      await control.flushall();
      expect(cacheOf(await askCompany(patient))).toBe('MISS');
      expect(cacheOf(await askCompany(patient))).toBe('HIT');
    } finally {
      await patient.close();
    }
  });

  test('has no free memory still invalidates: another gateway does not serve responses stored before a write', async () => {
    const [writer, other] = [await startPatient('full:'), await startPatient('full:')];
    try {
      await Promise.all([useOfCache(writer), useOfCache(other)]);
      await write('Before Ltd', writer);
      await untilStored(writer);
      expect(cacheOf(await askCompany(other))).toBe('HIT');
      await control.config('SET', 'maxmemory-policy', 'noeviction');
      await control.config('SET', 'maxmemory', '1');
      await write('After Ltd', writer);
      expect((await askCompany(other)).data.customer.company).toBe('After Ltd');
    } finally {
      await control.config('SET', 'maxmemory', '256mb');
      await control.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await Promise.all([writer.close(), other.close()]);
    }
  });
});
