import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createOutsideInvalidation } from '../../src/cache/outside-invalidation.ts';
import { PATIENT, readinessOf, startGateway, untilRedisUp } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, redisUrl } from '../support/servers.ts';

const LIST = '{ customers(first: 1) { nodes { id } } }';

test('the Redis database in the URL is used, and no other if it does not exist', async () => {
  const database = await createDatabase();
  const prefix = `${randomBytes(4).toString('hex')}:`;
  const start = (number: number) =>
    startGateway({
      databaseUrl: database.url,
      redisUrl: `${redisUrl()}/${number}`,
      settings: { ...PATIENT, CACHE_PREFIX: prefix },
    });
  const [third, none] = await Promise.all([start(3), start(99)]);
  await untilRedisUp(third);
  await until(
    'a hit',
    () => third.request(LIST),
    ({ headers }) => headers.get('x-cache') === 'HIT',
  );
  // More than once: what was tried again must not do either.
  await until(
    'the gateway to have tried again',
    () => none.metric('concierge_redis_failures_total'),
    (tries) => tries > 2,
  );
  expect((await none.request(LIST)).headers.get('x-cache')).toBe('BYPASS');
  expect((await readinessOf(none)).dependencies.redis).toBe('down');
  const line = none.logLines.find((one) => one.includes('Redis is down')) ?? '';
  expect(JSON.parse(line)).toMatchObject({ err: { type: 'ReplyError', code: 'ERR', command: 'select' } });
  const outside = createOutsideInvalidation({ urls: [`${redisUrl()}/99`], prefix, timeoutMs: 60_000 });
  expect(await outside.invalidateAll()).toMatch(/DB index is out of range/);
  outside.close();
  for (const [number, expected] of [
    [0, 0],
    [3, expect.any(Number)],
  ] as const) {
    const redis = new Redis(`${redisUrl()}/${number}`);
    const keys = await redis.keys(`${prefix}*`);
    expect([number, keys.length]).toEqual([number, expected]);
    if (number === 3) expect(keys).not.toEqual([]);
    redis.disconnect();
  }
  await Promise.all([third.close(), none.close()]);
  await database.drop();
});
