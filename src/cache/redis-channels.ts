import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { connectionOptions, retryDelayMs, type BoundedRedis } from './redis.ts';
import { createUntold } from './untold.ts';

/**
 * Whether what other gateways publish on a channel is heard: yes; not known yet, for a few seconds at most; or not
 * until Redis is back.
 */
export type ChannelState = 'LIVE' | 'JOINING' | 'INTERRUPTED';

/** Called with a channel that was joined. */
export interface ChannelListener {
  /** Another gateway has published on it. */
  heard(channel: string): void;
  /** Its state is another one. What was published while it was not LIVE was not heard. */
  turned(channel: string): void;
}

/** Messages without content between the gateways that use one Redis, or one Redis Cluster. */
export interface RedisChannels {
  join(channel: string): void;
  leave(channel: string): void;
  /** Of a channel that was joined. */
  stateOf(channel: string): ChannelState;
  /** Tells the other gateways; what Redis cannot be told now is told once it is back. */
  publish(channels: readonly string[]): void;
  /** Resolves when what was being published is, or has taken too long. */
  close(): Promise<void>;
}

interface RedisChannelsOptions {
  /** What `redis` is connected to. Of a cluster any node will do to listen: it passes messages on to all. */
  readonly urls: readonly string[];
  /** The longest that a command may take. */
  readonly timeoutMs: number;
  /** Publishes. */
  readonly redis: BoundedRedis;
  /** Of every channel in Redis. */
  readonly prefix: string;
  readonly listener: ChannelListener;
  readonly log: Log;
  readonly metrics: Metrics;
}

// A connection over which nothing is published looks like one whose other end is gone.
const PING_MS = 1_000;
// With more that Redis was not told of, one message says that it may be any.
const MOST_UNTOLD = 1_000;
const ANY = 'any';

/**
 * Listens on one connection, which is open while any channel is joined, and to these channels alone: a gateway is not
 * woken by what concerns others. Publishes on the connection of the cache.
 */
export function createRedisChannels(options: RedisChannelsOptions): RedisChannels {
  const { redis, prefix, listener } = options;
  /** Publishers do not hear themselves. */
  const self = randomUUID();
  const states = new Map<string, { state: ChannelState }>();
  const tellings = new Set<Promise<void>>();
  const untold = createUntold((channels) =>
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
      // One that was left and joined again meanwhile has a SUBSCRIBE of its own under way.
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
      const telling = untold
        .tell(untold.count() < MOST_UNTOLD ? channels : [ANY])
        .finally(() => tellings.delete(telling));
      tellings.add(telling);
    },
    async close() {
      states.clear();
      ear.close();
      await Promise.all(tellings);
      untold.close();
    },
  };
}

interface EarListener {
  heard(channel: string, message: string): void;
  /** A connection is there, on which nothing is listened to yet. */
  opened(listen: (channels: readonly string[]) => Promise<boolean>): Promise<void>;
  lost(): void;
}

/** A connection that listens; opened anew, with the next address, until `close`. */
function createEar({ urls, timeoutMs, prefix, log, metrics }: RedisChannelsOptions, listener: EarListener) {
  const servers = urls.map((href) => connectionOptions(href, timeoutMs));
  let connection: Redis | undefined;
  /** How many connections were lost or not to be had since one was there. */
  let losses = 0;
  let tries = 0;
  let timer: NodeJS.Timeout | undefined;
  let pinging: NodeJS.Timeout | undefined;

  const fail = (failed: Redis, error: unknown): void => {
    log.debug({ err: error }, 'listening to Redis failed');
    // Ends it, which has another one opened.
    failed.disconnect();
  };
  const listen = async (on: Redis, channels: readonly string[]): Promise<boolean> => {
    try {
      await on.subscribe(...channels.map((channel) => `${prefix}${channel}`));
      if (losses > 0) log.info('Redis is back; subscriptions hear of writes through other gateways');
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
      if (losses === 0) log.warn('Redis is away; subscriptions do not hear of writes through other gateways');
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
    /** Opens the connection if there is none. Gives whether it is listened to on this one; `opened` does it on the next. */
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
