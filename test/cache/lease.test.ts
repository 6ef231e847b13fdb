import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createLease } from '../../src/cache/lease.ts';
import { createRedis, type BoundedRedis } from '../../src/cache/redis.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { PATIENCE_MS, until } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';

let servers: OwnServers;
let control: Redis;
let redis: BoundedRedis;

beforeAll(async () => {
  servers = await startOwnServers();
  control = new Redis(servers.redis.url);
  const log = createLog({ level: 'silent', readable: false, destination: new PassThrough() });
  redis = createRedis({ urls: [servers.redis.url], timeoutMs: PATIENCE_MS, log, metrics: createMetrics() });
  await until('a connection to Redis', () => redis.state() === 'up');
});

afterAll(async () => {
  control.disconnect();
  await redis.close();
  await servers.close();
});

/** How often Redis has run scripts, by which leases are released. */
const scripts = async (): Promise<number> =>
  Number(/cmdstat_eval:calls=(\d+)/.exec(await control.info('commandstats'))?.[1] ?? 0);

test('ends so early that whoever waits for a gateway that has died takes over within a second', async () => {
  expect(await createLease(redis, { prefix: '', name: 'dead' }).take()).toMatchObject({ state: 'TAKEN' });
  const leftMs = await control.pttl('lease:{dead}');
  // Then, one more pause: 200 ms at most.
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(750);
});

test('is not waited for by a request that has waited for Redis already, and is given up if it was taken later', async () => {
  await control.call('CLIENT', 'PAUSE', PATIENCE_MS, 'WRITE');
  const before = await scripts();
  const lease = createLease(redis, { prefix: '', name: 'slow', firstMs: 1 });
  expect(await lease.take()).toBeUndefined();
  await control.call('CLIENT', 'UNPAUSE');
  await until('the lease to be released', scripts, (calls) => calls > before);
  expect(await control.exists('lease:{slow}')).toBe(0);
  expect(await lease.take()).toMatchObject({ state: 'TAKEN' });
});
