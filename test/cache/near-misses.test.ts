import { expect, test } from '@jest/globals';
import type { InvalidationLog } from '../../src/cache/invalidation-log.ts';
import { createNear } from '../../src/cache/near.ts';
import { createRepresentation } from '../../src/representation.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

test('a look-up in memory that gives nothing is counted by its reason', async () => {
  const state = { isHeld: true, isBehind: false, isCaughtUp: true, changed: '' };
  const log: Pick<InvalidationLog, 'isCaughtUp' | 'staleness' | 'newest'> = {
    isCaughtUp: () => state.isCaughtUp,
    staleness: (_position, tags) => (tags().includes(state.changed) ? { tag: state.changed } : undefined),
    newest: () => '1-0',
  };
  const metrics = createMetrics();
  const near = createNear({
    maxBytes: 10_000,
    log: log as InvalidationLog,
    lease: { isHeld: () => state.isHeld, use: () => undefined, close: async () => undefined },
    isBehind: () => state.isBehind,
    metrics,
  });
  const representation = createRepresentation('identity', Buffer.from('{}'));
  const keep = (key: string, { tag, lifetimeMs }: { readonly tag: string; readonly lifetimeMs: number }) =>
    near.keep(
      key,
      { computedAtMs: Date.now(), ageSeconds: 0, position: '1-0', tags: () => [tag], lifetimeMs, representations: [] },
      { representation, maxAgeSeconds: 60, stored: { request: 'r', access: 'a' } },
    );
  keep('changed', { tag: 'Customer@1', lifetimeMs: 600_000 });
  keep('over', { tag: 'Customer@2', lifetimeMs: 0 });
  const misses = async () => {
    const { values } = await metrics.nearMisses.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]));
  };
  near.find('never kept');
  for (const unsure of [{ isHeld: false }, { isBehind: true }, { isCaughtUp: false }]) {
    const before = { ...state };
    Object.assign(state, unsure);
    expect(near.find('changed')).toBeUndefined();
    Object.assign(state, before);
  }
  expect(near.find('changed')).toBeDefined();
  expect(near.find('over')).toBeUndefined();
  state.changed = 'Customer@1';
  expect(near.find('changed')).toBeUndefined();
  expect(near.find('changed')).toBeUndefined();
  expect(await misses()).toEqual({ absent: 2, unsure: 3, expired: 1, invalidated: 1 });
});
