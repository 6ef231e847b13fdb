import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { redisOptions, retryDelayMs, type BoundedRedis } from './redis.ts';
import { createPending } from './pending.ts';

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

// Without traffic, a connection whose peer is gone looks like a good one.
const PING_MS = 1_000;
// A message on this channel says that any customer may have changed.
const ANY = 'any';

interface JoinedChannel {
  readonly name: string;
  state: ChannelState;
}

/**
 * Subscribes on a connection of its own, open while any channel is joined, and only to joined channels, so that a gateway gets no
 * messages that concern others alone. Publishes on the cache's connection.
 */
export function createRedisChannels(options: RedisChannelsOptions): RedisChannels {
  const { listener } = options;
  /** Identifies this publisher, so that it can ignore its own messages. */
  const self = randomUUID();
  const publisher = createPublisher(options, self);
  const joined = new Map<string, JoinedChannel>();
  const setState = (channels: Iterable<JoinedChannel>, state: ChannelState): void => {
    for (const channel of channels) {
      // A channel that was left and joined again meanwhile has its own SUBSCRIBE in flight.
      if (joined.get(channel.name) !== channel) continue;
      channel.state = state;
      listener.onStateChange(channel.name);
    }
  };
  const subscriber = createSubscriber(options, {
    onMessage(name, sender) {
      if (sender === self) return;
      for (const changed of name === ANY ? joined.keys() : [name]) if (joined.has(changed)) listener.onMessage(changed);
    },
    async onReady(subscribe) {
      const channels = [...joined.values()];
      if (await subscribe([ANY, ...joined.keys()])) setState(channels, 'LIVE');
    },
    onLost: () => setState(joined.values(), 'INTERRUPTED'),
  });

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
    ANY,
  );
  return {
    publish(channels: readonly string[]): void {
      const published = pending.send(channels).finally(() => publishing.delete(published));
      publishing.add(published);
    },
    async close(): Promise<void> {
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
function createSubscriber(options: RedisChannelsOptions, listener: SubscriberListener) {
  const { urls, timeoutMs, log, metrics } = options;
  const servers = urls.map((href) => redisOptions(href, timeoutMs));
  let connection: SubscriberConnection | undefined;
  /** How many connections in a row were lost or failed to open. */
  let losses = 0;
  let tries = 0;
  let timer: NodeJS.Timeout | undefined;
  let pinging: NodeJS.Timeout | undefined;

  const subscribe = async (on: SubscriberConnection, channels: readonly string[]): Promise<boolean> => {
    if (!(await on.subscribe(channels))) return false;
    if (losses > 0) log.info('Redis is back; subscriptions report changes made through every gateway');
    losses = 0;
    return true;
  };
  const open = (): void => {
    const opened = openConnection(options, servers[tries % servers.length], {
      onMessage: (channel, message) => listener.onMessage(channel, message),
      onReady: () => void listener.onReady((channels) => subscribe(opened, channels)),
      onLost: () => reopen(),
    });
    tries += 1;
    connection = opened;
  };
  const reopen = (): void => {
    metrics.redisFailures.inc({ purpose: 'subscribe', reason: 'CLOSED' });
    if (losses === 0) log.warn('Redis is down; subscriptions report only changes made through this gateway');
    losses += 1;
    listener.onLost();
    timer = setTimeout(open, retryDelayMs(losses));
  };

  return {
    isLost: () => losses > 0,
    /** Opens a connection if there is none. Resolves with whether the channel has been subscribed to; if not, `onReady` does it. */
    async subscribe(channel: string): Promise<boolean> {
      if (connection === undefined) {
        pinging = setInterval(() => connection?.ping(), PING_MS);
        open();
      }
      return connection?.isReady() === true && subscribe(connection, [channel]);
    },
    unsubscribe: (channel: string): void => connection?.unsubscribe(channel),
    close(): void {
      clearInterval(pinging);
      clearTimeout(timer);
      losses = 0;
      const closed = connection;
      connection = undefined;
      closed?.close();
    },
  };
}

type SubscriberConnection = ReturnType<typeof openConnection>;

/** Opens a connection that is lost for good once anything fails on it, and tells nothing after `close`. */
function openConnection(
  { prefix, log }: RedisChannelsOptions,
  server: ReturnType<typeof redisOptions> | undefined,
  listener: Pick<SubscriberListener, 'onMessage' | 'onLost'> & { onReady(): void },
) {
  const redis = new Redis({ ...server, autoResubscribe: false, retryStrategy: () => null });
  let isClosed = false;
  const fail = (error: unknown): void => {
    log.debug({ err: error }, 'a Redis subscription failed');
    // Emits `end`, which schedules the next connection.
    redis.disconnect();
  };
  redis.on('error', fail);
  redis.on('message', (channel: string, message: string) => {
    if (!isClosed) listener.onMessage(channel.slice(prefix.length), message);
  });
  redis.on('ready', () => listener.onReady());
  redis.on('end', () => {
    if (!isClosed) listener.onLost();
  });
  return {
    isReady: () => redis.status === 'ready',
    async subscribe(channels: readonly string[]): Promise<boolean> {
      try {
        await redis.subscribe(...channels.map((channel) => `${prefix}${channel}`));
        return true;
      } catch (error) {
        fail(error);
        return false;
      }
    },
    unsubscribe(channel: string): void {
      if (redis.status === 'ready') void redis.unsubscribe(`${prefix}${channel}`).catch(fail);
    },
    ping(): void {
      if (redis.status === 'ready') void redis.ping().catch(fail);
    },
    close(): void {
      isClosed = true;
      redis.disconnect();
    },
  };
}
