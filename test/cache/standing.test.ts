import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { readinessOf, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { createNumberedCustomer, startStanding } from './standing-gateways.ts';

let servers: OwnServers;
let control: Redis;
let a: TestGateway;
let b: TestGateway;
const start = () => startStanding(servers.database.url, servers.redis.url);
beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 3, ordersPerCustomer: 1, seed: 1 });
  control = new Redis(servers.redis.url);
  [a, b] = [await start(), await start()];
  await customer.write(a);
});
afterAll(async () => {
  await Promise.all([a.close(), b.close()]);
  control.disconnect();
  await servers.close();
});

const customer = createNumberedCustomer();
const set = (name: string, value: string) => control.config('SET', name, value);
const tooFewReplicas = {
  cause: () => set('min-replicas-to-write', '1'),
  mend: () => set('min-replicas-to-write', '0'),
};

/** The messages that a gateway has logged since `from`, at least as serious as `info`. */
const logged = (of: TestGateway, from: number) =>
  of.logLines
    .slice(from)
    .map((line) => JSON.parse(line) as { level: number; msg: string; err?: { code?: string } })
    .filter(({ level, msg }) => level >= 30 && msg.includes('commands'));
const stateMetric = async (of: TestGateway) => {
  const text = await (await fetch(`${of.url}/metrics`)).text();
  return /^concierge_redis_state\{state="(\w+)"\} 1$/m.exec(text)?.[1];
};
const refusals = async (of: TestGateway, reason: string) => {
  const text = await (await fetch(`${of.url}/metrics`)).text();
  return new RegExp(`^concierge_redis_failures_total\\{purpose="\\w+",reason="${reason}"\\} \\d+$`, 'm').test(text);
};

describe('a Redis that answers reads and refuses writes', () => {
  test.each([
    { reason: 'NOREPLICAS', ...tooFewReplicas },
    {
      reason: 'READONLY',
      cause: () => control.replicaof('127.0.0.1', 1),
      mend: () => control.replicaof('NO', 'ONE'),
    },
    {
      reason: 'MISCONF',
      async cause() {
        const [, folder] = (await control.config('GET', 'dir')) as [string, string];
        await rm(folder, { recursive: true });
        await set('save', '3600 1');
        await control.bgsave();
        await until(
          'the snapshot to have failed',
          () => control.info('persistence'),
          (info) => info.includes('rdb_last_bgsave_status:err'),
        );
      },
      mend: () => set('save', ''),
    },
    {
      reason: 'OOM',
      async cause() {
        await set('maxmemory-policy', 'noeviction');
        await set('maxmemory', '1');
      },
      mend: () => set('maxmemory', '256mb'),
    },
    {
      reason: 'NOPERM',
      cause: () => control.acl('SETUSER', 'default', '-@write'),
      mend: () => control.acl('SETUSER', 'default', '+@all'),
    },
  ])('with $reason leads to no stale answer, and is reported as refusing', async ({ reason, cause, mend }) => {
    await customer.untilHit(a, b);
    await untilRedisUp(a, b);
    const from = b.logLines.length;
    await customer.whileReading(b, async () => {
      await cause();
      try {
        await customer.write(a);
        await until(
          'Redis to be reported as refusing',
          async () => ({ health: await readinessOf(b), metric: await stateMetric(b) }),
          ({ health, metric }) => health.dependencies.redis === 'refusing' && metric === 'refusing',
        );
        expect((await readinessOf(b)).status).toBe('degraded');
        expect(await refusals(b, reason)).toBe(true);
        await customer.write(a);
      } finally {
        await mend();
      }
      await customer.untilHit(a, b);
      await customer.write(a);
      await customer.untilHit(a, b);
      await untilRedisUp(a, b);
    });
    expect(customer.staleAnswers()).toEqual([]);
    const [begin, ...more] = logged(b, from);
    expect(begin).toMatchObject({ level: 40, msg: expect.stringContaining('Redis refuses'), err: { code: reason } });
    expect(more.map(({ msg }) => msg)).toEqual(['Redis accepts commands again']);
  });
});

describe('a mutation that Redis is not told of', () => {
  test('is answered once it is, if Redis soon accepts writes again', async () => {
    await customer.untilHit(a, b);
    const held = await a.metric('concierge_held_writes_total');
    await tooFewReplicas.cause();
    const writing = customer.write(a);
    await until(
      'the answer to be held back',
      () => a.metric('concierge_held_writes_total'),
      (count) => count > held,
    );
    await tooFewReplicas.mend();
    await writing;
    await customer.read(b);
    expect(customer.staleAnswers()).toEqual([]);
  });

  test('is not hidden from other gateways when its own ends, even if they were idle while Redis refused it', async () => {
    const other = await start();
    await customer.untilHit(other, b);
    await tooFewReplicas.cause();
    await customer.write(other);
    await other.close();
    await tooFewReplicas.mend();
    await customer.read(b);
    await customer.untilHit(b);
    expect(customer.staleAnswers()).toEqual([]);
  });
});
