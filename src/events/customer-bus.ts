import type { ChannelListener, RedisChannels } from '../cache/redis-channels.ts';
import type { CustomerEvents } from '../crm/context.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ReadStates } from './customer-states.ts';
import { createStateChecks } from './state-checks.ts';
import { createWatch, type WatchRegistry, type Watch } from './watch.ts';

/** Notifies subscriptions of changes to customers: those of this gateway directly, those of other gateways through Redis. */
export interface CustomerBus extends CustomerEvents {
  /** To be called after a change is committed. The other gateways are notified as soon as Redis is up. */
  changed(customerIds: Iterable<string>): void;
  /** Resolves when pending messages have been sent, or Redis has timed out. */
  close(): Promise<void>;
}

const CHANNEL = 'customer:';
const channelOf = (customerId: string): string => `${CHANNEL}${customerId}`;

/**
 * Messages say which customer has changed, never how: each subscription reads the data itself after the change, so it never shows
 * anything older than before. A gateway receives messages only about customers that its own subscriptions watch, and regularly looks
 * for changes that no message told of.
 * @param options.openChannels undefined if there is no Redis: subscriptions are only notified of this gateway's own changes
 */
export function createCustomerBus({
  openChannels,
  readStates,
  log,
  metrics,
}: {
  openChannels: ((listener: ChannelListener) => RedisChannels) | undefined;
  readStates: ReadStates;
  log: Log;
  metrics: Metrics;
}): CustomerBus {
  const watches = new Map<string, Set<Watch>>();
  const watchesOf = (customerId: string): Iterable<Watch> => watches.get(customerId) ?? [];
  const collapsed = (): void => metrics.subscriptionEventsCollapsed.inc();
  const checks = createStateChecks({
    readStates,
    log,
    metrics,
    onBegun(customerId) {
      for (const watch of watchesOf(customerId)) watch.wake();
    },
    onChange(customerId) {
      for (const watch of watchesOf(customerId)) if (watch.wake()) collapsed();
    },
  });
  const notify = (customerId: string): void => {
    if (checks.told(customerId)) collapsed();
  };
  const channels = openChannels?.({
    onMessage: (channel) => notify(channel.slice(CHANNEL.length)),
    onStateChange(channel) {
      for (const watch of watchesOf(channel.slice(CHANNEL.length))) watch.wake();
    },
  });
  const registry: WatchRegistry = {
    join(customerId, watch) {
      const known = watches.get(customerId);
      known?.add(watch);
      if (known !== undefined) return;
      watches.set(customerId, new Set([watch]));
      channels?.join(channelOf(customerId));
      checks.begin(customerId);
    },
    leave(customerId, watch) {
      const left = watches.get(customerId);
      left?.delete(watch);
      if (left?.size !== 0) return;
      watches.delete(customerId);
      channels?.leave(channelOf(customerId));
      checks.end(customerId);
    },
    stateOf(customerId) {
      if (!checks.hasBegun(customerId)) return 'JOINING';
      return channels?.stateOf(channelOf(customerId)) ?? 'LOCAL';
    },
  };
  return {
    watch: (customerId) => createWatch(customerId, registry),
    changed(customerIds) {
      for (const customerId of customerIds) notify(customerId);
      channels?.publish(Array.from(customerIds, channelOf));
    },
    async close() {
      await channels?.close();
    },
  };
}
