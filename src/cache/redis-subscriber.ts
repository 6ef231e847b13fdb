import { Redis } from 'ioredis';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { redisOptions, retryDelayMs } from './redis.ts';

// Without traffic, a connection whose peer is gone looks like a good one.
const PING_MS = 1_000;

interface SubscriberOptions {
  readonly urls: readonly string[];
  /** The longest that a command may take. */
  readonly timeoutMs: number;
  /** Prefix of every channel's name in Redis. */
  readonly prefix: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Labels lost connections in the metrics. */
  readonly purpose: 'subscribe' | 'near';
}

interface SubscriberListener {
  onMessage(channel: string, message: string): void;
  /** A new connection is ready and has no subscriptions yet. `subscribe` resolves with whether it succeeded. */
  onReady(subscribe: (channels: readonly string[]) => Promise<boolean>): Promise<void>;
  /** @param isFirst whether nothing was lost since a subscription last succeeded */
  onLost(isFirst: boolean): void;
  /** Subscribing has succeeded after a loss. */
  onBack(): void;
}

/**
 * A connection for subscribing, opened by the first subscription. Whenever it is lost, it is opened again to the next address, until
 * `close`.
 */
export function createSubscriber(options: SubscriberOptions, listener: SubscriberListener) {
  const { urls, timeoutMs, metrics, purpose } = options;
  const servers = urls.map((href) => redisOptions(href, timeoutMs));
  let connection: SubscriberConnection | undefined;
  /** How many connections in a row were lost or failed to open. */
  let losses = 0;
  let tries = 0;
  let timer: NodeJS.Timeout | undefined;
  let pinging: NodeJS.Timeout | undefined;

  const subscribe = async (on: SubscriberConnection, channels: readonly string[]): Promise<boolean> => {
    if (!(await on.subscribe(channels))) return false;
    const isBack = losses > 0;
    losses = 0;
    if (isBack) listener.onBack();
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
    metrics.redisFailures.inc({ purpose, reason: 'CLOSED' });
    losses += 1;
    listener.onLost(losses === 1);
    timer = setTimeout(open, retryDelayMs(losses));
  };
  const begin = (): void => {
    if (connection !== undefined) return;
    pinging = setInterval(() => connection?.ping(), PING_MS);
    open();
  };

  return {
    isLost: () => losses > 0,
    /** Opens a connection if there is none. */
    open: begin,
    /** Opens a connection if there is none. Resolves with whether the channel has been subscribed to; if not, `onReady` does it. */
    async subscribe(channel: string): Promise<boolean> {
      begin();
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
  { prefix, log }: SubscriberOptions,
  server: ReturnType<typeof redisOptions> | undefined,
  listener: Pick<SubscriberListener, 'onMessage'> & { onReady(): void; onLost(): void },
) {
  const redis = new Redis({ ...server, autoResubscribe: false, retryStrategy: () => null });
  let isClosed = false;
  let hasFailed = false;
  const fail = (error: unknown): void => {
    if (!isClosed) log.debug({ err: error }, 'a Redis subscription failed');
    // All commands that were sent before fail with the first one.
    if (hasFailed) return;
    hasFailed = true;
    // Emits `end`, which schedules the next connection.
    redis.disconnect();
  };
  redis.on('error', fail);
  redis.on('message', (channel: string, message: string) => {
    if (!isClosed) listener.onMessage(channel.slice(prefix.length), message);
  });
  redis.on('ready', () => {
    if (!isClosed) listener.onReady();
  });
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
