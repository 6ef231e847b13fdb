import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Writable } from 'node:stream';
import { createRedis, type BoundedRedis } from '../../src/cache/redis.ts';
import { createResponseCache, type ResponseCache } from '../../src/cache/response-cache.ts';
import type { CacheSuspensions } from '../../src/db/cache-suspensions.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createRepresentation } from '../../src/representation.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { PATIENCE_MS, until } from '../support/patience.ts';
import { redisUrl } from '../support/servers.ts';

const POLICY = { maxAgeSeconds: 60 };
const TAGS = ['Customer@1'];
const KEY = { request: 'r', access: 'a' };

let redis: BoundedRedis;
let cache: ResponseCache;
/** One whose Redis other gateways use, too. */
let shared: ResponseCache;
/** How often it has suspended the use of cached responses by others. */
let suspended = 0;
/** The outcome of each attempt to tell Redis, after Redis has executed it; the last one repeats forever. */
let tellings: (() => Promise<boolean>)[] = [];
beforeAll(async () => {
  const metrics = createMetrics();
  const log = createLog({ level: 'silent', readable: false, destination: new Writable() });
  redis = createRedis({ urls: [redisUrl()], timeoutMs: PATIENCE_MS, log, metrics });
  await until('a connection to Redis', () => redis.state() === 'up');
  const held: BoundedRedis = {
    ...redis,
    async run(purpose, commands) {
      const telling = purpose === 'invalidate' ? tellings.shift() : undefined;
      if (telling !== undefined && !(await telling())) return undefined;
      return redis.run(purpose, commands);
    },
  };
  const prefix = `pending-${process.pid}:`;
  const stale = { staleWhileRevalidateSeconds: 0, staleIfErrorSeconds: 0 };
  const options = {
    urls: [redisUrl()],
    log,
    prefix,
    timeoutMs: PATIENCE_MS,
    nearBytes: 0,
    isShared: false,
    schemaHash: 's',
    metrics,
    ...stale,
  };
  cache = createResponseCache({ redis: held, ...options });
  const suspensions: CacheSuspensions = {
    read: async () => [],
    renew: async () => (suspended += 1) === 1,
    remove: async () => undefined,
    abandon: async () => undefined,
    removeAbandoned: async () => undefined,
  };
  shared = createResponseCache({ redis: held, ...options, prefix: `${prefix}shared:`, isShared: true, suspensions });
});
afterAll(async () => {
  await Promise.all([cache.close(), shared.close()]);
  await redis.close();
});

const lookup = () => cache.lookup(KEY, POLICY, { refresh: false, maxAgeSeconds: Number.POSITIVE_INFINITY });

test('a write that Redis is being told of keeps no look-up from a hit, and invalidates once it is told', async () => {
  const stored = await lookup();
  if (stored.result !== 'MISS') throw new Error(`expected nothing yet, got ${stored.result}`);
  await stored.store({
    representations: [createRepresentation('identity', Buffer.from('{}'))],
    computedAtMs: Date.now(),
    tags: () => TAGS,
  });
  const gate = Promise.withResolvers<boolean>();
  tellings = [() => gate.promise];
  const writing = cache.invalidate(TAGS);
  expect((await lookup()).result).toBe('HIT');
  gate.resolve(true);
  await writing;
  expect((await lookup()).result).toBe('MISS');
});

describe('of two concurrent writes to the same customer', () => {
  test('one that reaches Redis does not hide one that does not', async () => {
    let goOn: () => void = () => undefined;
    const gate = new Promise<boolean>((resolve) => {
      goOn = () => resolve(true);
    });
    let giveUp: () => void = () => undefined;
    const untilLookedUp = new Promise<boolean>((resolve) => {
      giveUp = () => resolve(false);
    });
    const never = async () => false;
    tellings = [() => gate, never, () => untilLookedUp, never];
    const earlier = cache.invalidate(TAGS);
    // Redis counts as down for this one, as for everybody else while a single command probes it.
    await cache.invalidate(TAGS);
    goOn();
    await earlier;
    expect((await lookup()).result).toBe('BYPASS');
    giveUp();
    // Retried until it succeeds.
    await until('the later one to be heard', lookup, ({ result }) => result !== 'BYPASS');
    expect(tellings).toEqual([]);
  });
});

describe('a write that Redis is not told of suspends the use of cached responses by other gateways', () => {
  const failing = async () => false;
  test('unless the first retry succeeds', async () => {
    tellings = [failing];
    await shared.invalidate(TAGS);
    expect(suspended).toBe(0);
  });

  test('from the first retry on', async () => {
    tellings = [failing, failing];
    await shared.invalidate(TAGS);
    expect(suspended).toBe(1);
  });
});
