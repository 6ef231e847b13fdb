import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { Redis } from 'ioredis';
import { createLease, type Lease } from '../../src/cache/lease.ts';
import { Patience } from '../../src/cache/patience.ts';
import { createRedis, type BoundedRedis } from '../../src/cache/redis.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { PATIENCE_MS, until } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';

let servers: OwnServers;
let control: Redis;
let redis: BoundedRedis;
let logged: string[];
beforeAll(async () => {
  servers = await startOwnServers();
  control = new Redis(servers.redis.url);
});
afterAll(async () => {
  control.disconnect();
  await servers.close();
});
beforeEach(async () => {
  logged = [];
  const destination = new Writable({
    write(line: Buffer, _encoding, done) {
      const { msg } = JSON.parse(line.toString()) as { msg: string };
      if (msg.includes('commands')) logged.push(msg);
      done();
    },
  });
  const log = createLog({ level: 'info', readable: false, destination });
  redis = createRedis({ urls: [servers.redis.url], timeoutMs: PATIENCE_MS, log, metrics: createMetrics() });
  await until('a connection to Redis', () => redis.state() === 'up');
});
afterEach(() => redis.close());

const REFUSING = 'Redis refuses commands; requests go on without them until it accepts them';
const ACCEPTING = 'Redis accepts commands again';
const aLease = (): Lease => createLease(redis, { prefix: '', name: randomUUID(), patience: new Patience(PATIENCE_MS) });
const check = () => redis.run('check', (client) => client.xtrim('log', 'MAXLEN', 10));
/** Whatever was sent before is answered. */
const answered = () => redis.run('lookup', (client) => client.ping());

const REASONS = [
  { reason: 'NOREPLICAS', name: 'min-replicas-to-write', refusing: '1', accepting: '0' },
  { reason: 'OOM', name: 'maxmemory', refusing: '1', accepting: '0' },
];

describe.each(REASONS)('a Redis that refuses writes with $reason', ({ reason, name, refusing, accepting }) => {
  beforeAll(() => control.config('SET', 'maxmemory-policy', 'noeviction'));
  afterEach(() => control.config('SET', name, accepting));

  test('is not thought to accept them because a lease that is over had nothing to release', async () => {
    await control.config('SET', name, refusing);
    expect(await aLease().take()).toBeUndefined();
    aLease().release();
    aLease().open();
    await answered();
    expect({ state: redis.state(), logged }).toEqual({ state: 'refusing', logged: [REFUSING] });

    await control.config('SET', name, accepting);
    await check();
    expect(await aLease().take()).toMatchObject({ state: 'TAKEN' });
    expect({ state: redis.state(), logged }).toEqual({ state: 'up', logged: [REFUSING, ACCEPTING] });
  });

  test('is over when it is, whatever the order in which outcomes are told', async () => {
    const refused = Promise.withResolvers<void>();
    await control.config('SET', name, refusing);
    // Refused at once, and told when Redis has accepted later commands.
    const early = redis.run('lease', async (client) => {
      const outcome = client.set('refused', '', 'NX');
      await Promise.allSettled([outcome, refused.promise]);
      return outcome;
    });
    await answered();
    await control.config('SET', name, accepting);
    await check();
    expect(await aLease().take()).toMatchObject({ state: 'TAKEN' });
    refused.resolve();
    expect(await early).toBeUndefined();
    expect({ state: redis.state(), logged, reason }).toEqual({ state: 'up', logged: [], reason });
  });

  test('has begun when it has, whatever the order in which outcomes are told', async () => {
    const accepted = Promise.withResolvers<void>();
    const early = redis.run('lease', async (client) => {
      await client.set('accepted', '');
      await accepted.promise;
      return 'accepted';
    });
    await answered();
    await control.config('SET', name, refusing);
    expect(await aLease().take()).toBeUndefined();
    accepted.resolve();
    expect(await early).toBe('accepted');
    expect({ state: redis.state(), logged }).toEqual({ state: 'refusing', logged: [REFUSING] });
  });
});

test('a Redis that was full is believed when it stores again, even if nothing else is asked of it', async () => {
  const lease = aLease();
  await lease.take();
  await control.config('SET', 'maxmemory', '1');
  lease.open();
  await answered();
  expect(redis.state()).toBe('refusing');
  await control.config('SET', 'maxmemory', '0');
  await aLease().take();
  expect({ state: redis.state(), logged }).toEqual({ state: 'up', logged: [REFUSING, ACCEPTING] });
});
