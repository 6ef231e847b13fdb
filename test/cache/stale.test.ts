import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { lockTable } from '../faults/table-lock.ts';
import {
  BRIEF_DATABASE_WAIT,
  PATIENT,
  startGateway,
  type Answer,
  type TestGateway,
  untilRedisUp,
} from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { observeRedis, type ObservedRedis } from './observed-redis.ts';

const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';
/** Lives for 60 seconds. Reads the customer first, and then its orders. */
const pageOf = (id: number) =>
  `{ customer(by: {id: "${nodeId('Customer', id)}"}) { name orders(first: 1) { nodes { number } } } }`;
const cacheOf = ({ headers }: Answer) => headers.get('x-cache');

describe('a response whose lifetime is over', () => {
  let servers: OwnServers;
  let a: TestGateway;
  let b: TestGateway;
  let redis: ObservedRedis;
  beforeAll(async () => {
    servers = await startOwnServers();
    const databaseUrl = servers.database.url;
    await seedDatabase({ databaseUrl, customers: 20, ordersPerCustomer: 2, seed: 1 });
    redis = observeRedis(servers.redis.url);
    const settings = { ...PATIENT, ...BRIEF_DATABASE_WAIT };
    const start = () => startGateway({ databaseUrl, redisUrl: servers.redis.url, settings });
    [a, b] = [await start(), await start()];
    await untilRedisUp(a, b);
  });
  afterAll(async () => {
    await Promise.all([a.close(), b.close()]);
    redis.close();
    await servers.close();
  });

  const responses = () => redis.client.keys('concierge:response:*');
  /** Stores the page of a customer, and simulates the state this many seconds later by moving the stored time back. */
  const stored = async (id: number, seconds: number): Promise<void> => {
    const before = new Set(await responses());
    expect(cacheOf(await a.request(pageOf(id)))).toBe('MISS');
    const key = await until('the response to be stored', async () =>
      (await responses()).find((name) => !before.has(name)),
    );
    const entry = await redis.client.getBuffer(key ?? '');
    if (key === undefined || entry === null) throw new Error('the response is not stored');
    const space = entry.indexOf(' ');
    const earlier = Number(entry.toString('latin1', 0, space)) - seconds * 1_000;
    await redis.client.set(key, Buffer.concat([Buffer.from(String(earlier)), entry.subarray(space)]), 'KEEPTTL');
  };
  const rename = async (id: number, name: string) => {
    const { updateCustomer } = await b.data(UPDATE, { input: { id: nodeId('Customer', id), name } });
    expect(updateCustomer.userErrors).toEqual([]);
  };
  const executions = async () =>
    (await a.metric('concierge_executions_total')) + (await b.metric('concierge_executions_total'));
  const expectStale = (answer: Answer, seconds: number) => {
    expect([cacheOf(answer), answer.errors, answer.headers.get('cache-control')]).toEqual([
      'STALE',
      [],
      'private, max-age=60',
    ]);
    expect(Number(answer.headers.get('age'))).toBeGreaterThanOrEqual(seconds);
  };

  test('is served while one request of all gateways refreshes it', async () => {
    await stored(1, 65);
    const before = await executions();
    const lock = await lockTable(servers.database.url, 'orders');
    const asked = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? a : b).request(pageOf(1))));
    for (const answer of asked) expectStale(answer, 65);
    await lock.waiting(1);
    await lock.release();
    const isFresh = async () => cacheOf(await b.request(pageOf(1)));
    await until('the response to be fresh', isFresh, (result) => result === 'HIT');
    expect((await executions()) - before).toBe(1);
  });

  test('is not served once a write has changed it, nor what a refresh has read before', async () => {
    await stored(2, 65);
    const lock = await lockTable(servers.database.url, 'orders');
    expectStale(await a.request(pageOf(2)), 65);
    // The refresh has read the name.
    await lock.waiting(1);
    await rename(2, 'Written Between');
    const asked = [a, b].map((gateway) => gateway.request(pageOf(2)));
    await lock.release();
    for (const answer of await Promise.all(asked)) expect(answer.data.customer.name).toBe('Written Between');
    for (const gateway of [a, b]) expect((await gateway.request(pageOf(2))).data.customer.name).toBe('Written Between');
  });

  test('is not served for longer than CACHE_STALE_WHILE_REVALIDATE_SECONDS while there is a database', async () => {
    await stored(3, 91);
    expect(cacheOf(await b.request(pageOf(3)))).toBe('MISS');
  });

  describe('while the database is down', () => {
    beforeAll(async () => {
      for (const [id, seconds] of [
        [4, 500],
        [5, 500],
        [6, 661],
        [7, 65],
      ] as const)
        await stored(id, seconds);
      await rename(5, 'Changed');
      await servers.database.kill();
    });

    test('is served for CACHE_STALE_IF_ERROR_SECONDS, to all who ask', async () => {
      const answers = await Promise.all([a, a, a, b].map((gateway) => gateway.request(pageOf(4))));
      for (const answer of answers) expectStale(answer, 500);
    });

    test('is compressed once for all who ask', async () => {
      const compressions = () => a.metric('concierge_http_compressions_total');
      const headers = { 'accept-encoding': 'gzip, identity;q=0' };
      const before = await compressions();
      for (let i = 0; i < 3; i += 1) {
        const answer = await a.request(pageOf(4), { headers });
        expectStale(answer, 500);
        expect(answer.headers.get('content-encoding')).toBe('gzip');
      }
      expect((await compressions()) - before).toBe(1);
    });

    test('is served at once if it would be refreshed', async () => {
      for (const gateway of [a, b, a]) expectStale(await gateway.request(pageOf(7)), 65);
    });

    test.each([
      [5, 'a write has changed it'],
      [6, 'it is older'],
      [8, 'there is none'],
    ])('is not served for customer %i, since %s', async (id) => {
      const { errors, headers } = await b.request(pageOf(id));
      expect([errors.map(({ extensions }) => extensions.code), headers.get('x-cache')]).toEqual([
        ['SERVICE_UNAVAILABLE'],
        'BYPASS',
      ]);
    });

    test('is not served to a client that asks for a new one', async () => {
      const { errors } = await a.request(pageOf(4), { headers: { 'cache-control': 'no-cache' } });
      expect(errors).toHaveLength(1);
    });

    test('is replaced once the database is back', async () => {
      await servers.database.start();
      await until(
        'a new response',
        async () => cacheOf(await a.request(pageOf(4))),
        (result) => result === 'MISS' || result === 'HIT',
      );
    });
  });
});
