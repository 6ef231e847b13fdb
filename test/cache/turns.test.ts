import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Writable } from 'node:stream';
import { createRedis, type BoundedRedis } from '../../src/cache/redis.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { until } from '../support/patience.ts';
import { redisUrl } from '../support/servers.ts';

const TIMEOUT_MS = 500;

/** Keeps the event loop busy. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('a look-up in a gateway that is busy for longer than Redis may take', () => {
  let redis: BoundedRedis;
  beforeAll(async () => {
    const log = createLog({ level: 'silent', readable: false, destination: new Writable() });
    redis = createRedis({ urls: [redisUrl()], timeoutMs: TIMEOUT_MS, log, metrics: createMetrics() });
    await until('a connection to Redis', () => redis.state() === 'up');
  });
  afterAll(() => redis.close());

  const lookup = () => redis.run('lookup', (client) => client.ping());

  test('does not fail if that was before it was sent', async () => {
    const found = lookup();
    block(2 * TIMEOUT_MS);
    expect([await found, redis.state()]).toEqual(['PONG', 'up']);
  });

  test('does not fail if that is after it was sent', async () => {
    const found = lookup();
    // Sent at the end of the turn, before this.
    setImmediate(() => block(2 * TIMEOUT_MS));
    expect([await found, redis.state()]).toEqual(['PONG', 'up']);
  });
});
