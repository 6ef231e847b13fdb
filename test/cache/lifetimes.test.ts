import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { measured } from '../support/patience.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { observeRedis, type ObservedRedis } from './observed-redis.ts';

/** CACHE_STALE_IF_ERROR_SECONDS, which is longer than the other one. */
const STALE = 600;
const WEEK = 7 * 24 * 3_600;

describe('the lifetime of a cached response', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  let redis: ObservedRedis;
  let prefix: string;
  beforeAll(async () => {
    database = await createDatabase();
    prefix = `${new URL(database.url).pathname}:`;
    await seedDatabase({ databaseUrl: database.url, customers: 20, ordersPerCustomer: 2, seed: 1 });
    redis = observeRedis(redisUrl());
    gateway = await startGateway({
      databaseUrl: database.url,
      redisUrl: redisUrl(),
      settings: { CACHE_PREFIX: prefix, ...PATIENT },
    });
    await untilRedisUp(gateway);
  });
  afterAll(async () => {
    await gateway.close();
    await redis.client.unlink(...(await redis.lifetimes(prefix)).keys());
    redis.close();
    await database.drop();
  });

  const answers = async () =>
    new Map([...(await redis.lifetimes(prefix))].filter(([key]) => key.startsWith(`${prefix}response:`)));

  test.each([
    [300, '{ products(first: 1) { nodes { sku price { amount } } } }'],
    [300, '{ agents(first: 1) { nodes { name } pageInfo { hasNextPage } } }'],
    [60, '{ customers(first: 1) { nodes { name } } }'],
    [60, '{ orders(first: 1) { edges { cursor node { items { product { name } } } } } }'],
    [30, '{ tickets(first: 1) { nodes { subject } } }'],
    // The smallest of all fields: below a page, next to another field, in a fragment, left out by a directive.
    [60, '{ agents(first: 1) { nodes { customers(first: 1) { totalCount } } } }'],
    [30, '{ products(first: 1) { nodes { name } } tickets(first: 1) { totalCount } }'],
    [
      30,
      '{ customers(first: 1) { nodes { ...F } } } fragment F on Customer { interactions(first: 1) { nodes { kind } } }',
    ],
    [30, '{ customers(first: 1) { nodes { name tickets(first: 1) @skip(if: true) { totalCount } } } }'],
    [60, '{ node(id: "Q3VzdG9tZXI6MQ") { id } }'],
    [30, '{ node(id: "Q3VzdG9tZXI6MQ") { ... on Ticket { customer { tickets { totalCount } } } } }'],
  ])('is %i seconds for %s', async (seconds, query) => {
    const before = await answers();
    const { result: after, tookMs } = await measured(async () => {
      const answer = await gateway.request(query);
      expect(answer.errors).toEqual([]);
      expect(answer.headers.get('cache-control')).toBe(`private, max-age=${seconds}`);
      expect((await gateway.request(query)).headers.get('x-cache')).toBe('HIT');
      return answers();
    });
    const added = [...after].filter(([key]) => !before.has(key)).map(([, lifetime]) => lifetime);
    expect(added.length).toBe(1);
    // Up to a tenth less, and as long as it may be stale.
    expect(added[0]).toBeGreaterThanOrEqual(0.9 * seconds + STALE - 1 - tookMs / 1_000);
    expect(added[0]).toBeLessThanOrEqual(seconds + STALE);
  });

  test('is limited, and so is that of everything else that we store in Redis', async () => {
    const lifetimes = await redis.lifetimes(prefix);
    expect([...lifetimes.keys()].map((key) => key.slice(prefix.length).split(':')[0])).toEqual(
      expect.arrayContaining(['response', 'invalidations']),
    );
    for (const [key, lifetime] of lifetimes) {
      const most = key.startsWith(`${prefix}response:`) ? 300 + STALE : WEEK;
      expect({ key, inBounds: lifetime >= 0 && lifetime <= most }).toEqual({ key, inBounds: true });
    }
  });
});
