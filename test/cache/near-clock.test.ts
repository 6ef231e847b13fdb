import { expect, test } from '@jest/globals';
import type { InvalidationLog } from '../../src/cache/invalidation-log.ts';
import { createNear } from '../../src/cache/near.ts';
import { createRepresentation } from '../../src/representation.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { until } from '../support/patience.ts';

test('a response of a gateway whose clock is ahead is in memory for its lifetime', async () => {
  const lease = { isHeld: () => true, use: () => undefined, close: async () => undefined };
  const log = { isCaughtUp: () => true, staleness: () => undefined, newest: () => '1-0' };
  const near = createNear({
    maxBytes: 10_000,
    log: log as unknown as InvalidationLog,
    lease,
    isBehind: () => false,
    metrics: createMetrics(),
  });
  const representation = createRepresentation('identity', Buffer.from('{}'));
  const anHourAhead = Date.now() + 3_600_000;
  const times = { computedAtMs: anHourAhead, ageSeconds: 0, position: '1-0', tags: () => [] };
  const about = { representation, maxAgeSeconds: 60, stored: { request: 'r', access: 'a' } };
  near.keep('short', { ...times, lifetimeMs: 10, representations: [] }, about);
  near.keep('long', { ...times, lifetimeMs: 600_000, representations: [] }, about);
  await until('its end', () => near.find('short') === undefined);
  expect(near.find('long')).toMatchObject({ maxAgeSeconds: 60 });
});
