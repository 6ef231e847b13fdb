import type { ChannelListener, RedisChannels } from '../cache/redis-channels.ts';
import type { CustomerEvents } from '../crm/context.ts';
import type { Metrics } from '../telemetry/metrics.ts';
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
 * anything older than before. A gateway receives messages only about customers that its own subscriptions watch.
 * @param options.openChannels undefined if there is no Redis: subscriptions are only notified of this gateway's own changes
 */
export function createCustomerBus({
  openChannels,
  metrics,
}: {
  openChannels: ((listener: ChannelListener) => RedisChannels) | undefined;
  metrics: Metrics;
}): CustomerBus {
  const watches = new Map<string, Set<Watch>>();
  const watchesOf = (customerId: string): Iterable<Watch> => watches.get(customerId) ?? [];
  const notify = (customerId: string): void => {
    for (const watch of watchesOf(customerId)) if (watch.wake()) metrics.subscriptionEventsCollapsed.inc();
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
    },
    leave(customerId, watch) {
      const left = watches.get(customerId);
      left?.delete(watch);
      if (left?.size !== 0) return;
      watches.delete(customerId);
      channels?.leave(channelOf(customerId));
    },
    stateOf: (customerId) => channels?.stateOf(channelOf(customerId)) ?? 'LOCAL',
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
