import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRedis, type BoundedRedis } from '../../src/cache/redis.ts';
import { createRedisChannels, type RedisChannels } from '../../src/cache/redis-channels.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { PATIENCE_MS, pause, until } from '../support/patience.ts';
import { redisUrl } from '../support/servers.ts';

describe('messages that could not be sent to Redis', () => {
  const metrics = createMetrics();
  const log = createLog({ level: 'silent', readable: false, destination: new Writable() });
  const received: string[] = [];
  let redis: BoundedRedis;
  let publisher: RedisChannels;
  let reader: RedisChannels;
  let isAway = false;
  /** How many attempts were made while Redis was down. */
  let triedInVain = 0;
  /** How many messages each attempt sent. */
  const sent: number[] = [];
  beforeAll(async () => {
    redis = createRedis({ urls: [redisUrl()], timeoutMs: PATIENCE_MS, log, metrics });
    await until('a connection to Redis', () => redis.state() === 'up');
    const inVain = async () => {
      triedInVain += 1;
      return undefined;
    };
    const held: BoundedRedis = {
      ...redis,
      run: (purpose, commands) =>
        isAway
          ? inVain()
          : redis.run(purpose, async (client) => {
              const results = await commands(client);
              sent.push(Array.isArray(results) ? results.length : 1);
              return results;
            }),
    };
    const options = {
      urls: [redisUrl()],
      timeoutMs: PATIENCE_MS,
      redis: held,
      prefix: `channels-${process.pid}:`,
      log,
      metrics,
    };
    const silent = { onMessage: () => undefined, onStateChange: () => undefined };
    publisher = createRedisChannels({ ...options, listener: silent });
    reader = createRedisChannels({
      ...options,
      listener: { ...silent, onMessage: (channel) => received.push(channel) },
    });
    for (const channel of ['a', 'b']) reader.join(channel);
    for (const channel of ['a', 'b'])
      await until(
        `channel ${channel} to be listened to`,
        () => reader.stateOf(channel),
        (state) => state === 'LIVE',
      );
  });
  afterAll(async () => {
    await publisher.close();
    await reader.close();
    await redis.close();
  });

  test('are sent once Redis is back, each only once', async () => {
    isAway = true;
    for (let i = 0; i < 20; i += 1) publisher.publish(['a', `other ${i}`]);
    // First each on its own, and then all of them together.
    await until(
      'another try',
      () => triedInVain,
      (tries) => tries > 20,
    );
    expect(received).toEqual([]);
    isAway = false;
    await until(
      'a message',
      () => received,
      ({ length }) => length > 0,
    );
    // A repeated message would have arrived by then.
    await pause(300);
    expect(received).toEqual(['a']);
    expect(sent).toEqual([21]);
  });

  test('are replaced by one message that anything may have changed if there are more than a thousand', async () => {
    received.length = 0;
    sent.length = 0;
    isAway = true;
    for (let i = 0; i < 5_000; i += 1) publisher.publish([`other ${i}`]);
    isAway = false;
    await until(
      'two messages',
      () => received,
      ({ length }) => length >= 2,
    );
    await pause(300);
    expect(received.toSorted()).toEqual(['a', 'b']);
    expect(sent).toEqual([1_001]);
  });
});
