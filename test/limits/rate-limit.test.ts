import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Patience } from '../../src/cache/patience.ts';
import { createRedis, type BoundedRedis } from '../../src/cache/redis.ts';
import { codeOf } from '../../src/errors.ts';
import { createRateLimit, RateLimited, type RateLimit } from '../../src/rate-limit/rate-limit.ts';
import { createSharedBuckets, type SharedBuckets } from '../../src/rate-limit/shared-bucket.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { PATIENCE_MS, until } from '../support/patience.ts';
import { redisUrl } from '../support/servers.ts';

/** So long that nothing comes back within a test. */
const windowMs = 10_000_000_000;
const LIMIT = 10_000;
/** What a gateway lets a client spend before it tells the others. */
const UNSETTLED = LIMIT / 100;

let redis: BoundedRedis;
let shared: SharedBuckets;
let refused = 0;
beforeAll(async () => {
  const log = createLog({ level: 'silent', readable: false, destination: new Writable() });
  redis = createRedis({ urls: [redisUrl()], timeoutMs: 10_000, log, metrics: createMetrics() });
  shared = createSharedBuckets(redis, `rate-${process.pid}:`);
  await until(
    'Redis to be connected',
    () => redis.state(),
    (state) => state === 'up',
  );
});
afterAll(() => redis.close());

const limits: RateLimit[] = [];
afterAll(() => Promise.all(limits.map((limit) => limit.close())));

/** What a gateway limits clients with. */
function gateway(buckets: SharedBuckets | null = shared): RateLimit {
  const onRefused = () => (refused += 1);
  const limit = createRateLimit({ costPerMinute: LIMIT, shared: buckets ?? undefined, onRefused, windowMs });
  limits.push(limit);
  return limit;
}

let clients = 0;
/** A client that has spent nothing. */
const newClient = (): string => `client ${(clients += 1)}`;

/** Spends until it is refused. Returns what it could spend, and the refusal. */
async function spendAll(limit: RateLimit, client: string, cost: number) {
  for (let spent = 0; ; spent += cost)
    try {
      await limit.spend(client, cost);
    } catch (error) {
      if (!(error instanceof RateLimited)) throw error;
      return { spent, error };
    }
}

test('a client pays for what began before Redis has answered, also if Redis says then that it may not', async () => {
  const taking: { readonly spentMs: number; readonly askedMs: number }[] = [];
  const answer = Promise.withResolvers<{ readonly headroomMs: number; readonly isTaken: boolean }>();
  const limit = gateway({
    take(_client, { spentMs, askedMs }) {
      taking.push({ spentMs, askedMs });
      return taking.length === 1 ? answer.promise : Promise.resolve({ headroomMs: 0, isTaken: true });
    },
  });
  const client = newClient();
  const [cost, costMs] = [LIMIT / 2, windowMs / 2];
  await limit.spend(client, cost, new Patience(PATIENCE_MS, 0));
  // Others have spent everything.
  answer.resolve({ headroomMs: 0, isTaken: false });
  await until('Redis to be told', () => taking.length === 2);
  expect(taking).toEqual([
    { spentMs: 0, askedMs: costMs },
    { spentMs: costMs, askedMs: 0 },
  ]);
  await expect(limit.spend(client, cost)).rejects.toThrow(RateLimited);
});

const remaining = async (limit: RateLimit, client: string): Promise<number | undefined> =>
  (await limit.allowance(client))?.remaining;

describe('a client may spend its cost per minute', () => {
  test.each([1, 99, 101, 2_500, 10_000])('and no more, %i at a time', async (cost) => {
    const before = refused;
    const { spent, error } = await spendAll(gateway(), newClient(), cost);
    expect(spent).toBe(Math.floor(LIMIT / cost) * cost);
    expect(codeOf(error)).toBe('RATE_LIMITED');
    expect(refused).toBe(before + 1);
  });

  test('and others may spend theirs', async () => {
    const limit = gateway();
    await spendAll(limit, newClient(), 1_000);
    expect((await spendAll(limit, newClient(), 1_000)).spent).toBe(LIMIT);
  });

  test('and is told when there will be enough again', async () => {
    const [limit, client] = [gateway(), newClient()];
    await limit.spend(client, 9_000);
    const { error } = await spendAll(limit, client, 2_000);
    // A thousand of ten thousand are missing.
    const tenthSeconds = windowMs / 10 / 1_000;
    expect(error.retryAfterSeconds).toBeGreaterThan(tenthSeconds - 3_600);
    expect(error.retryAfterSeconds).toBeLessThanOrEqual(tenthSeconds);
    expect(error.message).toBe(
      `Expected a cost of at most 1000, which is left of ${LIMIT} per minute, got 2000: send it again in ${error.retryAfterSeconds} s.`,
    );
    // Another one that Redis alone can refuse: nothing of this client's was spent at the other gateway.
    await expect(gateway().spend(client, 2_000)).rejects.toThrow('at most 1000, which is left of');
  });

  test('with a smaller one while there is too little for a larger one', async () => {
    const [limit, client] = [gateway(), newClient()];
    await limit.spend(client, 9_000);
    await expect(async () => limit.spend(client, 2_000)).rejects.toThrow(RateLimited);
    await limit.spend(client, 1_000);
    expect(await remaining(limit, client)).toBe(0);
  });

  test('over all gateways', async () => {
    const client = newClient();
    const [one, other] = [gateway(), gateway()];
    await one.spend(client, 6_000);
    expect((await spendAll(other, client, 1_000)).spent).toBe(4_000);
    expect(await remaining(one, client)).toBe(0);
    expect((await spendAll(one, client, 101)).spent).toBe(0);
  });

  test('over all gateways at the same time, and a hundredth more for each of them', async () => {
    const client = newClient();
    const all = await Promise.all([1, 7, 33, 150].map((cost) => spendAll(gateway(), client, cost)));
    const spent = all.reduce((sum, each) => sum + each.spent, 0);
    expect(spent).toBeGreaterThan(LIMIT - 150);
    expect(spent).toBeLessThanOrEqual(LIMIT + all.length * UNSETTLED);
  });

  test('and what it has spent beyond that counts, too', async () => {
    const [client, one] = [newClient(), gateway()];
    await one.spend(client, LIMIT);
    // A gateway that has not heard of it.
    const other = gateway();
    await other.spend(client, UNSETTLED);
    await until(
      'the others to be told',
      () => shared.take(client, { windowMs, spentMs: 0, askedMs: 0 }),
      (state) => state !== undefined && state.headroomMs < -0.9 * (windowMs / 100),
    );
    await expect(async () => other.spend(client, 1)).rejects.toThrow(RateLimited);
  });
});

describe('what was not used', () => {
  test('is given back', async () => {
    const [limit, client] = [gateway(), newClient()];
    await limit.spend(client, LIMIT);
    limit.add(client, -2_000);
    expect(await remaining(limit, client)).toBe(2_000);
    expect(await remaining(gateway(), client)).toBe(2_000);
    expect((await spendAll(limit, client, 500)).spent).toBe(2_000);
  });

  test('never makes more than the limit', async () => {
    const [limit, client] = [gateway(), newClient()];
    limit.add(client, -5_000);
    expect(await remaining(limit, client)).toBe(LIMIT);
    expect((await spendAll(limit, client, 1_000)).spent).toBe(LIMIT);
  });
});

test('what cannot be refused is spent nevertheless', async () => {
  const [limit, client] = [gateway(), newClient()];
  limit.add(client, LIMIT + 1_000);
  expect(await remaining(limit, client)).toBe(0);
  limit.add(client, -1_000);
  expect(await remaining(limit, client)).toBe(0);
  limit.add(client, -1_000);
  expect(await remaining(limit, client)).toBe(1_000);
});

test('a gateway that stops tells the others what was spent', async () => {
  const [limit, client] = [gateway(), newClient()];
  await limit.spend(client, 50);
  await limit.close();
  expect(await remaining(gateway(), client)).toBe(LIMIT - 50);
});

test('costs are told to Redis together', async () => {
  let told = 0;
  const counting: SharedBuckets = { take: (...given) => ((told += 1), shared.take(...given)) };
  const [limit, client] = [gateway(counting), newClient()];
  const asked = Array.from({ length: 1_000 }, () => limit.spend(client, 1));
  // Once for each hundredth of the limit.
  expect(told).toBe(9);
  await Promise.all(asked.filter((one) => one !== undefined));
  expect(await remaining(limit, client)).toBe(LIMIT - 1_000);
});

describe('without Redis', () => {
  test('each gateway has buckets of its own', async () => {
    const client = newClient();
    expect((await spendAll(gateway(null), client, 1_000)).spent).toBe(LIMIT);
    expect((await spendAll(gateway(null), client, 99)).spent).toBe(9_999);
  });

  test('a gateway goes on from what it knew, and from what is true when Redis is back', async () => {
    let isAway = false;
    const flaky: SharedBuckets = {
      take: (...given) => (isAway ? Promise.resolve(undefined) : shared.take(...given)),
    };
    const [limit, client] = [gateway(flaky), newClient()];
    await limit.spend(client, 4_000);
    isAway = true;
    expect((await spendAll(limit, client, 1_000)).spent).toBe(6_000);
    expect(await remaining(limit, client)).toBe(0);
    isAway = false;
    expect(await remaining(limit, client)).toBe(6_000);
  });
});

test('Redis forgets a bucket when it is full', async () => {
  const client = newClient();
  const state = await shared.take(client, { windowMs: 1_000, spentMs: 500, askedMs: 0 });
  expect(state?.headroomMs).toBeGreaterThan(499);
  await until(
    'the bucket to be full',
    () => shared.take(client, { windowMs: 1_000, spentMs: 0, askedMs: 0 }),
    (later) => later?.headroomMs === 1_000,
  );
});

test('no limit takes nothing from anybody', async () => {
  const limit = createRateLimit({ costPerMinute: 0, shared, onRefused: () => (refused += 1) });
  for (let i = 0; i < 100; i += 1) expect(limit.spend('anybody', 1_000_000_000)).toBeUndefined();
  expect(await limit.allowance('anybody')).toBeNull();
});
