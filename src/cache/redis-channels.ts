import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { connectionOptions, retryDelayMs, type BoundedRedis } from './redis.ts';
import { createPending } from './pending.ts';

/**
 * Whether this gateway receives what others publish on a channel: LIVE; JOINING, not known yet, for a few seconds at most;
 * INTERRUPTED, until Redis is back.
 */
export type ChannelState = 'LIVE' | 'JOINING' | 'INTERRUPTED';

/** Notified about the joined channels. */
export interface ChannelListener {
  /** Another gateway has published on it. */
  heard(channel: string): void;
  /** Its state has changed. Anything published while it was not LIVE was missed. */
  turned(channel: string): void;
}

/** Messages without content between the gateways that share a Redis or a Redis Cluster. */
export interface RedisChannels {
  join(channel: string): void;
  leave(channel: string): void;
  /** The channel must have been joined. */
  stateOf(channel: string): ChannelState;
  /** Notifies the other gateways. What Redis cannot take now is sent once it is back. */
  publish(channels: readonly string[]): void;
  /** Resolves when pending messages have been published or timed out. */
  close(): Promise<void>;
}

interface RedisChannelsOptions {
  /** The servers that `redis` is connected to. Any node of a cluster will do for listening, since it relays messages to all. */
  readonly urls: readonly string[];
  /** The longest a command may take. */
  readonly timeoutMs: number;
  /** The connection to publish on. */
  readonly redis: BoundedRedis;
  /** Prefix of every channel's name in Redis. */
  readonly prefix: string;
  readonly listener: ChannelListener;
  readonly log: Log;
  readonly metrics: Metrics;
}

// A connection with no traffic cannot be told from one whose peer is gone.
const PING_MS = 1_000;
// Beyond this many unsent channels, a single message says that any of them may have changed.
const MAX_PENDING = 1_000;
const ANY = 'any';

/**
 * Listens on one connection, open while any channel is joined, and only to the joined channels, so that a gateway is not woken
 * by what concerns others. Publishes on the cache's connection.
 */
export function createRedisChannels(options: RedisChannelsOptions): RedisChannels {
  const { redis, prefix, listener } = options;
  /** Identifies this publisher, so that it can ignore its own messages. */
  const self = randomUUID();
  const states = new Map<string, { state: ChannelState }>();
  const tellings = new Set<Promise<void>>();
  const pending = createPending((channels) =>
    redis.run('publish', (client) =>
      Promise.all(channels.map((channel) => client.publish(`${prefix}${channel}`, self))),
    ),
  );
  const turn = (channels: Iterable<string>, state: ChannelState): void => {
    for (const channel of channels) {
      const joined = states.get(channel);
      if (joined === undefined) continue;
      joined.state = state;
      listener.turned(channel);
    }
  };
  const ear = createEar(options, {
    heard(channel, publisher) {
      if (publisher === self) return;
      for (const heard of channel === ANY ? states.keys() : [channel]) if (states.has(heard)) listener.heard(heard);
    },
    async opened(listen) {
      const channels = [...states];
      if (!(await listen([ANY, ...states.keys()]))) return;
      // A channel that was left and joined again meanwhile has its own SUBSCRIBE in flight.
      turn(
        channels.filter(([channel, joined]) => states.get(channel) === joined).map(([channel]) => channel),
        'LIVE',
      );
    },
    lost: () => turn(states.keys(), 'INTERRUPTED'),
  });

  return {
    join(channel) {
      const joined: { state: ChannelState } = { state: ear.isLost() ? 'INTERRUPTED' : 'JOINING' };
      states.set(channel, joined);
      void ear.listen(channel).then((isHeard) => {
        if (isHeard && states.get(channel) === joined) turn([channel], 'LIVE');
        return undefined;
      });
    },
    leave(channel) {
      states.delete(channel);
      if (states.size === 0) ear.close();
      else ear.forget(channel);
    },
    stateOf: (channel) => states.get(channel)?.state ?? 'INTERRUPTED',
    publish(channels) {
      if (channels.length === 0) return;
      const telling = pending
        .tell(pending.count() < MAX_PENDING ? channels : [ANY])
        .finally(() => tellings.delete(telling));
      tellings.add(telling);
    },
    async close() {
      states.clear();
      ear.close();
      await Promise.all(tellings);
      pending.close();
    },
  };
}

interface EarListener {
  heard(channel: string, message: string): void;
  /** A new connection is ready and has no subscriptions yet. */
  opened(listen: (channels: readonly string[]) => Promise<boolean>): Promise<void>;
  lost(): void;
}

/** A connection that listens, and is reopened with the next address whenever it is lost, until `close`. */
function createEar({ urls, timeoutMs, prefix, log, metrics }: RedisChannelsOptions, listener: EarListener) {
  const servers = urls.map((href) => connectionOptions(href, timeoutMs));
  let connection: Redis | undefined;
  /** How many connections in a row were lost or failed to open. */
  let losses = 0;
  let tries = 0;
  let timer: NodeJS.Timeout | undefined;
  let pinging: NodeJS.Timeout | undefined;

  const fail = (failed: Redis, error: unknown): void => {
    log.debug({ err: error }, 'listening to Redis failed');
    // Emits `end`, which schedules the next connection.
    failed.disconnect();
  };
  const listen = async (on: Redis, channels: readonly string[]): Promise<boolean> => {
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
      if (opened === connection) listener.heard(channel.slice(prefix.length), message);
    });
    opened.on('ready', () => void listener.opened((channels) => listen(opened, channels)));
    opened.on('end', () => {
      if (opened !== connection) return;
      metrics.redisFailures.inc({ purpose: 'subscribe' });
      if (losses === 0) log.warn('Redis is down; subscriptions report only changes made through this gateway');
      losses += 1;
      listener.lost();
      timer = setTimeout(open, retryDelayMs(losses));
    });
  };
  const ping = (): void => {
    const asked = connection;
    if (asked?.status === 'ready') void asked.ping().catch((error: unknown) => fail(asked, error));
  };

  return {
    isLost: () => losses > 0,
    /**
     * Opens the connection if there is none. Resolves with whether it is subscribed on this one; `opened` subscribes the next.
     */
    async listen(channel: string): Promise<boolean> {
      if (pinging === undefined) {
        pinging = setInterval(ping, PING_MS);
        open();
      }
      return connection?.status === 'ready' && listen(connection, [channel]);
    },
    forget(channel: string): void {
      const asked = connection;
      if (asked?.status === 'ready')
        void asked.unsubscribe(`${prefix}${channel}`).catch((error: unknown) => fail(asked, error));
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
