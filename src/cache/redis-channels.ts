import { randomUUID } from 'node:crypto';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createPending } from './pending.ts';
import type { BoundedRedis } from './redis.ts';
import { createSubscriber } from './redis-subscriber.ts';

/**
 * Whether this gateway receives what others publish on a channel: LIVE and INTERRUPTED as in `StreamState` (src/crm/context.ts),
 * or JOINING while it subscribes, which takes a few seconds at most.
 */
export type ChannelState = 'LIVE' | 'JOINING' | 'INTERRUPTED';

/** The callbacks for joined channels. */
export interface ChannelListener {
  /** Another gateway has published on the channel. */
  onMessage(channel: string): void;
  /** The channel's state has changed. Anything published while it was not LIVE was missed. */
  onStateChange(channel: string): void;
}

/** Messages without content between the gateways that share a Redis or a Redis Cluster. */
export interface RedisChannels {
  join(channel: string): void;
  leave(channel: string): void;
  /** The channel must have been joined. */
  stateOf(channel: string): ChannelState;
  /** Notifies the other gateways. If Redis is down, they are notified once it is back. */
  publish(channels: readonly string[]): void;
  /** Resolves when pending messages have been published or timed out. */
  close(): Promise<void>;
}

interface RedisChannelsOptions {
  /** The servers that `redis` is connected to. Any node of a cluster can be subscribed to, since messages are relayed to all. */
  readonly urls: readonly string[];
  /** The longest that a command may take. */
  readonly timeoutMs: number;
  /** The connection to publish on. */
  readonly redis: BoundedRedis;
  /** Prefix of every channel's name in Redis. */
  readonly prefix: string;
  readonly listener: ChannelListener;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A message on this channel, whose name follows the prefix, says that any customer may have changed. */
export const ANY_CHANNEL = 'any';

interface JoinedChannel {
  readonly name: string;
  state: ChannelState;
}

/**
 * Subscribes on a connection of its own, open while any channel is joined, and only to joined channels, so that a gateway gets no
 * messages that concern others alone. Publishes on the cache's connection.
 */
export function createRedisChannels(options: RedisChannelsOptions): RedisChannels {
  const { listener, log } = options;
  /** Identifies this publisher, so that it can ignore its own messages. */
  const self = randomUUID();
  const publisher = createPublisher(options, self);
  const joined = new Map<string, JoinedChannel>();
  const setState = (channels: Iterable<JoinedChannel>, state: ChannelState): void => {
    for (const channel of channels) {
      // A channel that was left and joined again meanwhile has its own SUBSCRIBE in flight.
      if (joined.get(channel.name) !== channel || channel.state === state) continue;
      channel.state = state;
      listener.onStateChange(channel.name);
    }
  };
  const subscriber = createSubscriber(
    { ...options, purpose: 'subscribe' },
    {
      onMessage(name, sender) {
        if (sender === self) return;
        for (const changed of name === ANY_CHANNEL ? joined.keys() : [name])
          if (joined.has(changed)) listener.onMessage(changed);
      },
      async onReady(subscribe) {
        const channels = [...joined.values()];
        if (await subscribe([ANY_CHANNEL, ...joined.keys()])) setState(channels, 'LIVE');
      },
      onLost(isFirst) {
        if (isFirst) log.warn('Redis is down; subscriptions report changes made through other gateways late');
        setState(joined.values(), 'INTERRUPTED');
      },
      onBack: () => log.info('Redis is back; subscriptions report changes made through every gateway'),
    },
  );

  return {
    join(name) {
      const channel: JoinedChannel = { name, state: subscriber.isLost() ? 'INTERRUPTED' : 'JOINING' };
      joined.set(name, channel);
      void subscriber.subscribe(name).then((isSubscribed) => {
        if (isSubscribed) setState([channel], 'LIVE');
        return undefined;
      });
    },
    leave(name) {
      joined.delete(name);
      if (joined.size === 0) subscriber.close();
      else subscriber.unsubscribe(name);
    },
    stateOf: (name) => joined.get(name)?.state ?? 'INTERRUPTED',
    publish: (channels) => publisher.publish(channels),
    async close() {
      joined.clear();
      subscriber.close();
      await publisher.close();
    },
  };
}

/** Publishes `message` on channels, again and again until Redis has accepted it. */
function createPublisher({ redis, prefix }: RedisChannelsOptions, message: string) {
  const publishing = new Set<Promise<unknown>>();
  const pending = createPending(
    (channels) =>
      redis.run('publish', (client) =>
        Promise.all(channels.map((channel) => client.publish(`${prefix}${channel}`, message))),
      ),
    ANY_CHANNEL,
  );
  return {
    publish(channels: readonly string[]): void {
      if (channels.length === 0) return;
      const published = pending.send(channels).finally(() => publishing.delete(published));
      publishing.add(published);
    },
    async close(): Promise<void> {
      await Promise.all(publishing);
      pending.close();
    },
  };
}
