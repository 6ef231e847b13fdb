import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createLease } from '../../src/cache/lease.ts';
import { Patience } from '../../src/cache/patience.ts';
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

/** How often Redis has run scripts, by which leases are taken and released. */
const scripts = async (): Promise<number> =>
  [...(await control.info('commandstats')).matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );

/** For everything that a request asks of Redis. */
let patience: Patience;
beforeEach(() => {
  patience = new Patience(PATIENCE_MS);
});

test('ends so early that whoever waits for a gateway that has died takes over within a second', async () => {
  expect(await createLease(redis, { prefix: '', name: 'dead', patience }).take()).toMatchObject({ state: 'TAKEN' });
  const leftMs = await control.pttl('lease:{dead}');
  // Then, one more pause: 200 ms at most.
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(750);
});

test('ends with the response that it was taken for', async () => {
  const lease = createLease(redis, { prefix: '', name: 'stored', patience });
  expect(await lease.take()).toMatchObject({ state: 'TAKEN', head: Buffer.alloc(0) });
  await lease.store(Buffer.from('a response'), 60_000);
  expect([await control.get('stored'), await control.exists('lease:{stored}')]).toEqual(['a response', 0]);
  expect(await lease.take()).toMatchObject({ state: 'TAKEN', head: Buffer.from('a response') });
});

test('ends though Redis has no memory for the response', async () => {
  const lease = createLease(redis, { prefix: '', name: 'full', patience });
  expect(await lease.take()).toMatchObject({ state: 'TAKEN' });
  await control.config('SET', 'maxmemory', 1);
  await lease.store(Buffer.from('a response'), 60_000);
  await control.config('SET', 'maxmemory', 0);
  expect([await control.exists('full'), await control.exists('lease:{full}')]).toEqual([0, 0]);
});

test('does not depend on the scripts that Redis remembers', async () => {
  const lease = createLease(redis, { prefix: '', name: 'flushed', patience });
  expect(await lease.take()).toMatchObject({ state: 'TAKEN' });
  await control.script('FLUSH');
  expect(await lease.take()).toMatchObject({ state: 'HELD' });
  lease.open();
  await until(
    'the lease to be open',
    () => lease.take(),
    (attempt) => attempt?.state === 'OPEN',
  );
});

test('of somebody else is not ended', async () => {
  const [lease, other] = ['mine', 'mine'].map((name) => createLease(redis, { prefix: '', name, patience }));
  expect(await lease?.take()).toMatchObject({ state: 'TAKEN' });
  await other?.store(Buffer.from('of another'), 60_000);
  other?.release();
  expect(await other?.take()).toMatchObject({ state: 'HELD', head: Buffer.from('of another') });
});

test('is not waited for by a request that has waited for Redis already, and is given up if it was taken later', async () => {
  await control.call('CLIENT', 'PAUSE', PATIENCE_MS, 'WRITE');
  const before = await scripts();
  const lease = createLease(redis, { prefix: '', name: 'slow', patience: new Patience(PATIENCE_MS, 1) });
  expect(await lease.take()).toBeUndefined();
  await control.call('CLIENT', 'UNPAUSE');
  // One has taken it.
  await until('the lease to be released', scripts, (calls) => calls > before + 1);
  expect(await control.exists('lease:{slow}')).toBe(0);
  expect(await lease.take()).toMatchObject({ state: 'TAKEN' });
});
