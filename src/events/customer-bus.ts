import type { ChannelListener, RedisChannels } from '../cache/redis-channels.ts';
import type { CustomerEvents } from '../crm/context.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createWatch, type Listening, type Watch } from './watch.ts';

/** Tells subscriptions which customers have changed: this gateway's directly, those of other gateways through Redis. */
export interface CustomerBus extends CustomerEvents {
  /** Call it after a change is committed. The other gateways are told as soon as Redis is up. */
  changed(customerIds: Iterable<string>): void;
  /** Resolves when pending messages have been sent, or Redis has timed out. */
  close(): Promise<void>;
}

const CHANNEL = 'customer:';
const channelOf = (customerId: string): string => `${CHANNEL}${customerId}`;

/**
 * Messages say which customer has changed, never how: each subscription reads for itself after the change, so it never shows
 * anything older than it has shown before. A gateway listens only for customers that its own subscriptions watch.
 * @param options.openChannels undefined: only this gateway's own changes are heard of
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
  const tell = (customerId: string): void => {
    for (const watch of watchesOf(customerId)) if (watch.wake()) metrics.subscriptionEventsCollapsed.inc();
  };
  const channels = openChannels?.({
    heard: (channel) => tell(channel.slice(CHANNEL.length)),
    turned(channel) {
      for (const watch of watchesOf(channel.slice(CHANNEL.length))) watch.wake();
    },
  });
  const listening: Listening = {
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
    watch: (customerId) => createWatch(customerId, listening),
    changed(customerIds) {
      for (const customerId of customerIds) tell(customerId);
      channels?.publish(Array.from(customerIds, channelOf));
    },
    async close() {
      await channels?.close();
    },
  };
}
