import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { connectionOptions, retryDelayMs, type BoundedRedis } from './redis.ts';
import { createPending } from './pending.ts';

/**
 * Whether this gateway receives what others publish on a channel. LIVE: it does. JOINING: it is subscribing, which takes a few
 * seconds at most. INTERRUPTED: not until Redis is back.
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

// Without traffic, a connection whose peer is gone looks like a good one.
const PING_MS = 1_000;
// Beyond this many unsent channels, a single message says that any of them may have changed.
const MAX_PENDING = 1_000;
const ANY = 'any';

/**
 * Subscribes on a connection of its own, open while any channel is joined, and only to joined channels, so that a gateway gets no
 * messages that concern others alone. Publishes on the cache's connection.
 */
export function createRedisChannels(options: RedisChannelsOptions): RedisChannels {
  const { redis, prefix, listener } = options;
  /** Identifies this publisher, so that it can ignore its own messages. */
  const self = randomUUID();
  const states = new Map<string, { state: ChannelState }>();
  const publishing = new Set<Promise<void>>();
  const pending = createPending((channels) =>
    redis.run('publish', (client) =>
      Promise.all(channels.map((channel) => client.publish(`${prefix}${channel}`, self))),
    ),
  );
  const setState = (channels: Iterable<string>, state: ChannelState): void => {
    for (const channel of channels) {
      const joined = states.get(channel);
      if (joined === undefined) continue;
      joined.state = state;
      listener.onStateChange(channel);
    }
  };
  const subscriber = createSubscriber(options, {
    onMessage(channel, publisher) {
      if (publisher === self) return;
      for (const changed of channel === ANY ? states.keys() : [channel])
        if (states.has(changed)) listener.onMessage(changed);
    },
    async onReady(subscribe) {
      const channels = [...states];
      if (!(await subscribe([ANY, ...states.keys()]))) return;
      // A channel that was left and joined again meanwhile has its own SUBSCRIBE in flight.
      setState(
        channels.filter(([channel, joined]) => states.get(channel) === joined).map(([channel]) => channel),
        'LIVE',
      );
    },
    onLost: () => setState(states.keys(), 'INTERRUPTED'),
  });

  return {
    join(channel) {
      const joined: { state: ChannelState } = { state: subscriber.isLost() ? 'INTERRUPTED' : 'JOINING' };
      states.set(channel, joined);
      void subscriber.subscribe(channel).then((isSubscribed) => {
        if (isSubscribed && states.get(channel) === joined) setState([channel], 'LIVE');
        return undefined;
      });
    },
    leave(channel) {
      states.delete(channel);
      if (states.size === 0) subscriber.close();
      else subscriber.unsubscribe(channel);
    },
    stateOf: (channel) => states.get(channel)?.state ?? 'INTERRUPTED',
    publish(channels) {
      if (channels.length === 0) return;
      const published = pending
        .send(pending.count() < MAX_PENDING ? channels : [ANY])
        .finally(() => publishing.delete(published));
      publishing.add(published);
    },
    async close() {
      states.clear();
      subscriber.close();
      await Promise.all(publishing);
      pending.close();
    },
  };
}

interface SubscriberListener {
  onMessage(channel: string, message: string): void;
  /** A new connection is ready and has no subscriptions yet. `subscribe` resolves with whether it succeeded. */
  onReady(subscribe: (channels: readonly string[]) => Promise<boolean>): Promise<void>;
  onLost(): void;
}

/** A connection for subscribing. Whenever it is lost, it is opened again to the next address, until `close`. */
function createSubscriber(
  { urls, timeoutMs, prefix, log, metrics }: RedisChannelsOptions,
  listener: SubscriberListener,
) {
  const servers = urls.map((href) => connectionOptions(href, timeoutMs));
  let connection: Redis | undefined;
  /** How many connections in a row were lost or failed to open. */
  let losses = 0;
  let tries = 0;
  let timer: NodeJS.Timeout | undefined;
  let pinging: NodeJS.Timeout | undefined;

  const fail = (failed: Redis, error: unknown): void => {
    log.debug({ err: error }, 'a Redis subscription failed');
    // Emits `end`, which schedules the next connection.
    failed.disconnect();
  };
  const subscribe = async (on: Redis, channels: readonly string[]): Promise<boolean> => {
    try {
      await on.subscribe(...channels.map((channel) => `${prefix}${channel}`));
      if (losses > 0) log.info('Redis is back; subscriptions report changes made through every gateway');
      losses = 0;
      return true;
    } catch (error) {
      fail(on, error);
      return false;
    }
  };
  const open = (): void => {
    const opened = new Redis({
      ...servers[tries % servers.length],
      autoResubscribe: false,
      retryStrategy: () => null,
    });
    tries += 1;
    connection = opened;
    opened.on('error', (error: Error) => fail(opened, error));
    opened.on('message', (channel: string, message: string) => {
      if (opened === connection) listener.onMessage(channel.slice(prefix.length), message);
    });
    opened.on('ready', () => void listener.onReady((channels) => subscribe(opened, channels)));
    opened.on('end', () => {
      if (opened !== connection) return;
      metrics.redisFailures.inc({ purpose: 'subscribe' });
      if (losses === 0) log.warn('Redis is down; subscriptions report only changes made through this gateway');
      losses += 1;
      listener.onLost();
      timer = setTimeout(open, retryDelayMs(losses));
    });
  };
  const ping = (): void => {
    const current = connection;
    if (current?.status === 'ready') void current.ping().catch((error: unknown) => fail(current, error));
  };

  return {
    isLost: () => losses > 0,
    /**
     * Opens the connection if there is none. Resolves with whether the present one has subscribed; `onReady` does it for a new
     * one.
     */
    async subscribe(channel: string): Promise<boolean> {
      if (pinging === undefined) {
        pinging = setInterval(ping, PING_MS);
        open();
      }
      return connection?.status === 'ready' && subscribe(connection, [channel]);
    },
    unsubscribe(channel: string): void {
      const current = connection;
      if (current?.status === 'ready')
        void current.unsubscribe(`${prefix}${channel}`).catch((error: unknown) => fail(current, error));
    },
    close(): void {
      clearInterval(pinging);
      clearTimeout(timer);
      pinging = undefined;
      losses = 0;
      const closed = connection;
      connection = undefined;
      closed?.disconnect();
    },
  };
}
