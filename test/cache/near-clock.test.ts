import { afterEach, expect, jest, test } from '@jest/globals';
import type { InvalidationLog } from '../../src/cache/invalidation-log.ts';
import { createNear } from '../../src/cache/near.ts';
import { createRepresentation } from '../../src/representation.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { until } from '../support/patience.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

const about = {
  representation: createRepresentation('identity', Buffer.from('{}')),
  maxAgeSeconds: 60,
  stored: { request: 'r', access: 'a' },
};
const HOUR_MS = 3_600_000;

function createFreshNear() {
  const lease = { isHeld: () => true, use: () => undefined, close: async () => undefined };
  const log = { isCaughtUp: () => true, staleness: () => undefined, newest: () => '1-0' };
  return createNear({
    maxBytes: 10_000,
    log: log as unknown as InvalidationLog,
    lease,
    isBehind: () => false,
    metrics: createMetrics(),
  });
}

test('a response of a gateway whose clock is ahead is in memory for its lifetime', async () => {
  const near = createFreshNear();
  const times = { computedAtMs: Date.now() + HOUR_MS, ageSeconds: 0, position: '1-0', tags: () => [] };
  near.keep('short', { ...times, lifetimeMs: 10, representations: [] }, about);
  near.keep('long', { ...times, lifetimeMs: 600_000, representations: [] }, about);
  await until('its end', () => near.find('short') === undefined);
  expect(near.find('long')).toMatchObject({ maxAgeSeconds: 60 });
});

test('a clock that is set back or ahead does not make a response live longer, nor look younger', () => {
  const near = createFreshNear();
  const [wall, monotonic] = [jest.spyOn(Date, 'now'), jest.spyOn(performance, 'now')];
  const at = (wallMs: number, monotonicMs: number) => {
    wall.mockReturnValue(HOUR_MS + wallMs);
    monotonic.mockReturnValue(monotonicMs);
    return near.find('k')?.ageSeconds;
  };
  at(5_000, 0);
  const times = { computedAtMs: HOUR_MS, ageSeconds: 5, position: '1-0', tags: () => [] };
  const keep = () => near.keep('k', { ...times, lifetimeMs: 60_000, representations: [] }, about);
  keep();
  expect(at(6_000, 1_000)).toBe(6);
  expect(at(-HOUR_MS, 20_000)).toBe(25);
  expect(at(-HOUR_MS, 55_000)).toBeUndefined();
  // While a machine is suspended, only the former goes on.
  at(5_000, 0);
  keep();
  expect(at(59_000, 1_000)).toBe(59);
  expect(at(60_000, 1_000)).toBeUndefined();
});
