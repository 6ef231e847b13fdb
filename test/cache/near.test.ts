import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { observeRedis, type ObservedRedis } from './observed-redis.ts';

const REGISTRY = 'concierge:near';
const NEAR_HITS = 'concierge_cache_near_hits_total';
const ID = nodeId('Customer', 1);
const NAME = `{ customer(by: {id: "${ID}"}) { name } }`;
const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';
const LARGE = '{ customers(first: 50) { nodes { id name email createdAt } } }';

describe('a response in the memory of a gateway', () => {
  let servers: OwnServers;
  let redis: ObservedRedis;
  let a: TestGateway;
  let b: TestGateway;
  beforeAll(async () => {
    servers = await startOwnServers();
    const [databaseUrl, redisUrl] = [servers.database.url, servers.redis.url];
    await seedDatabase({ databaseUrl, customers: 60, ordersPerCustomer: 1, seed: 1 });
    redis = observeRedis(redisUrl);
    a = await startGateway({ databaseUrl, redisUrl, settings: PATIENT });
    b = await startGateway({ databaseUrl, redisUrl, settings: PATIENT });
    await untilRedisUp(a, b);
  });
  afterAll(async () => {
    await Promise.all([a.close(), b.close()]);
    redis.close();
    await servers.close();
  });

  const nearHits = () => a.metric(NEAR_HITS);
  /** Waits until the memory of gateway A answers, and returns what it has answered. */
  const untilNear = async <Answered>(ask: () => Promise<Answered>): Promise<Answered> => {
    const { answered } = await until(
      'an answer from memory',
      async () => {
        const before = await nearHits();
        return { answered: await ask(), isNear: (await nearHits()) > before };
      },
      ({ isNear }) => isNear,
    );
    return answered;
  };
  const writeTo = async (gateway: TestGateway, name: string) => {
    expect(await gateway.data(UPDATE, { input: { id: ID, name } })).toEqual({ updateCustomer: { userErrors: [] } });
  };
  /** How many writes of gateway B have waited, by outcome. */
  const waits = async (): Promise<Readonly<Record<string, number>>> => {
    const text = await (await fetch(`${b.url}/metrics`)).text();
    const found = text.matchAll(/^concierge_cache_near_waits_total\{outcome="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries([...found].map(([, outcome = '', count]) => [outcome, Number(count)]));
  };

  test('costs no command of Redis, and has the headers of any other hit', async () => {
    const { commands } = await until(
      'twenty answers from memory',
      async () => {
        const before = await nearHits();
        const answers: string[] = [];
        const sent = await redis.commandsOf(async () => {
          for (let asked = 0; asked < 20; asked += 1)
            answers.push(String((await a.request(NAME)).headers.get('x-cache')));
        });
        return { commands: sent, hits: (await nearHits()) - before };
      },
      ({ hits }) => hits === 20,
    );
    // The others renew the lease.
    const { get = 0, getrange = 0, set = 0, publish = 0 } = commands;
    expect({ get, getrange, set, publish }).toEqual({ get: 0, getrange: 0, set: 0, publish: 0 });
    const { headers, status, data } = await untilNear(() => a.request(NAME));
    expect([status, headers.get('x-cache'), typeof data.customer.name]).toEqual([200, 'HIT', 'string']);
    expect([headers.get('age'), headers.get('cache-control')]).toEqual([
      expect.stringMatching(/^\d+$/),
      'private, max-age=60',
    ]);
    expect(headers.get('vary')).toContain('Authorization');
  });

  test.each(['br', 'gzip', 'identity'])('is sent in the encoding %s with the ETag of its bytes', async (encoding) => {
    const url = `${a.url}/graphql?${new URLSearchParams({ query: LARGE })}`;
    const ask = (more: Readonly<Record<string, string>> = {}) =>
      fetch(url, { headers: { 'accept-encoding': encoding, ...more } });
    const first = await ask();
    const body = await first.text();
    const near = await untilNear(() => ask());
    expect(near.headers.get('content-encoding') ?? 'identity').toBe(encoding);
    expect(await near.text()).toBe(body);
    const etag = near.headers.get('etag') ?? 'none';
    // Otherwise `fetch` adds no-cache to a request with a condition.
    const changed = { 'if-none-match': etag, 'cache-control': 'max-stale' };
    expect((await untilNear(() => ask(changed))).status).toBe(304);
  });

  test('is part of an event stream as it is', async () => {
    const ask = async () => {
      const headers = { accept: 'text/event-stream', 'content-type': 'application/json', 'accept-encoding': 'br' };
      const response = await fetch(`${a.url}/graphql`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ query: LARGE }),
      });
      return response.text();
    };
    const first = await ask();
    expect(first).toContain('event: next\ndata: {"data":{"customers"');
    expect(await untilNear(ask)).toBe(first);
  });

  test.each([
    { 'cache-control': 'no-cache' },
    { 'cache-control': 'max-age=50' },
    { 'cache-control': 'no-store' },
    { 'graphql-cost': 'report' },
    { 'graphql-cache': 'report' },
  ])('is not used for a request with %j', async (headers) => {
    await untilNear(() => a.request(NAME));
    const before = await nearHits();
    await a.request(NAME, { headers });
    expect(await nearHits()).toBe(before);
  });

  test('is not used after a write of its own gateway', async () => {
    await untilNear(() => a.request(NAME));
    await writeTo(a, 'Own');
    expect((await a.data(NAME)).customer.name).toBe('Own');
  });

  test('is waited for by a write of another gateway, until it has acknowledged', async () => {
    await until(
      'an acknowledgement',
      async () => {
        await untilNear(() => a.request(NAME));
        const name = `Other ${Math.random()}`;
        await writeTo(b, name);
        expect((await a.data(NAME)).customer.name).toBe(name);
        return waits();
      },
      ({ acknowledged = 0 }) => acknowledged > 0,
    );
  });

  test('is waited for no longer than its lease, if its gateway is gone, and by one write only', async () => {
    const { ended: before = 0 } = await waits();
    await redis.client.hset(REGISTRY, 'gone', '1');
    await writeTo(b, 'Ended');
    await until(
      'the entry to be gone',
      () => redis.client.hexists(REGISTRY, 'gone'),
      (exists) => exists === 0,
    );
    expect((await waits())['ended']).toBe(before + 1);
  });

  test('is counted by reason when it leaves', async () => {
    const evictions = async (of: TestGateway): Promise<Readonly<Record<string, number>>> => {
      const text = await (await fetch(`${of.url}/metrics`)).text();
      const found = text.matchAll(/^concierge_cache_near_evictions_total\{reason="(\w+)"\} (\d+)$/gm);
      return Object.fromEntries([...found].map(([, reason = '', count]) => [reason, Number(count)]));
    };
    await untilNear(() => a.request(NAME));
    const { invalidated: before = 0 } = await evictions(a);
    await writeTo(b, 'Evicted');
    await until(
      'a response to leave because of a write',
      async () => {
        await a.request(NAME);
        return evictions(a);
      },
      ({ invalidated = 0 }) => invalidated > before,
    );
    const settings = { ...PATIENT, CACHE_NEAR_BYTES: '2000' };
    const small = await startGateway({ databaseUrl: servers.database.url, redisUrl: servers.redis.url, settings });
    await until(
      'a response to leave for another',
      async () => {
        for (const alias of ['a', 'b', 'c', 'd']) await small.request(`{ ${alias}: ${NAME.slice(1)}`);
        return evictions(small);
      },
      ({ size = 0 }) => size > 0,
    );
    await small.close();
  });

  test('is not used after a write that cannot know of it, because Redis has lost everything', async () => {
    await untilNear(() => a.request(NAME));
    const { unknown: before = 0 } = await waits();
    await redis.client.flushall();
    await writeTo(b, 'Flushed');
    expect((await a.data(NAME)).customer.name).toBe('Flushed');
    expect((await waits())['unknown']).toBe(before + 1);
    await untilNear(() => a.request(NAME));
  });
});
