import type { ChannelListener, RedisChannels } from '../cache/redis-channels.ts';
import type { CustomerEvents } from '../crm/context.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createWatch, type Listening, type Watch } from './watch.ts';

/** Tells subscriptions, of this gateway and through Redis of the others, which customers have changed. */
export interface CustomerBus extends CustomerEvents {
  /** To be called once a change is committed. The other gateways are told as soon as Redis is there. */
  changed(customerIds: readonly string[]): void;
  /** Resolves when what was being told is told, or Redis has taken too long. */
  close(): Promise<void>;
}

const CHANNEL = 'customer:';
const channelOf = (customerId: string): string => `${CHANNEL}${customerId}`;

/**
 * What goes over it is which customer, never what: each subscription reads for itself, after the change, so that what it
 * shows is never older than what it has shown. A gateway listens to the customers alone that somebody of its own watches.
 * @param options.openChannels undefined: changes made through this gateway are all that is heard of
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
      channels?.publish(customerIds.map(channelOf));
    },
    async close() {
      await channels?.close();
    },
  };
}
