import { Cluster, Redis, ReplyError } from 'ioredis';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { hostOf, tlsOptions } from '../tls.ts';

/**
 * What commands are for. A look-up waits in a request, so its silence makes a break; a store and a message to the other
 * gateways are waited for by nobody;
 * an invalidation is sent during a break too, since what it ends is served by other gateways meanwhile.
 */
export type RedisPurpose = 'lookup' | 'store' | 'invalidate' | 'publish';

/** A Redis that may be away: a command gives undefined instead of failing, and never takes longer than it may. */
export interface BoundedRedis {
  /**
   * Sends commands.
   * @param purpose for counting failures
   * @returns what they gave; undefined when one was refused, or when Redis is away, slow or was found so a moment ago
   */
  run<Result>(
    purpose: RedisPurpose,
    commands: (redis: Redis | Cluster) => Promise<Result>,
  ): Promise<Result | undefined>;
  /** Whether commands are being sent at all now. */
  isUp(): boolean;
  close(): Promise<void>;
}

export interface RedisOptions {
  /** One: a single server. Several: the seeds of a cluster. */
  readonly urls: readonly string[];
  /** The longest that `run` takes. */
  readonly timeoutMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
}

// When Redis has not answered, nothing is sent to it for this long. Then one command tries again, while the others still do
// without the cache.
const BREAK_MS = 500;
const CONNECT_MS = 1_000;
// A connection on which nothing comes back for this long is given up: its other end may be gone without a word.
const SILENCE_MS = 2_000;

/** Connects in the background: a Redis that is away at start is used once it is there. */
export function createRedis({ urls, timeoutMs, log, metrics }: RedisOptions): BoundedRedis {
  const redis = connect(urls, timeoutMs);
  /** 0: no break. */
  let brokenUntil = 0;
  let probing = false;
  let isReported = false;
  let isClosed = false;

  const report = (error: unknown): void => {
    // A connection that is closed while it is set up ends with an error too.
    if (isClosed) return;
    if (!isReported) log.warn({ err: error }, 'Redis is away; answers are not cached until it is back');
    isReported = true;
  };
  const endBreak = (): void => {
    if (isReported) log.info('Redis is back');
    isReported = false;
    brokenUntil = 0;
  };
  redis.on('error', (error: Error) => {
    metrics.redisFailures.inc({ purpose: 'connect' });
    report(error);
  });
  redis.on('ready', endBreak);

  return {
    async run(purpose, commands) {
      const isProbe = brokenUntil > 0;
      if (redis.status !== 'ready') return undefined;
      if (isProbe && purpose !== 'invalidate' && (probing || performance.now() < brokenUntil)) return undefined;
      if (isProbe) probing = true;
      try {
        gatherWrites(redis);
        const result = await within(timeoutMs, commands(redis));
        // Only the probe tells: others were sent before the break, and what they say is older than it.
        if (isProbe) endBreak();
        return result;
      } catch (error) {
        metrics.redisFailures.inc({ purpose });
        log.debug({ err: error, purpose }, 'a Redis command failed');
        // A refusal (no memory, read-only, loading) came at once: waiting is what the break is against.
        if (error instanceof ReplyError) {
          if (isProbe) endBreak();
        } else if (purpose === 'lookup' || isProbe) {
          brokenUntil = performance.now() + BREAK_MS;
          report(error);
        }
        return undefined;
      } finally {
        if (isProbe) probing = false;
      }
    },
    isUp: () => redis.status === 'ready' && brokenUntil === 0,
    async close() {
      isClosed = true;
      redis.disconnect();
    },
  };
}

/** Before the next try to connect. */
export const retryDelayMs = (times: number): number => Math.min(times * 100, 1_000);

/**
 * What ioredis needs for a connection to the server of a `redis://` or `rediss://` URL, and how every connection behaves.
 * @param timeoutMs how long a command may take: no connection is given up before
 * @throws Error when the file of `ssl-ca` cannot be read
 */
export function connectionOptions(href: string, timeoutMs: number) {
  const url = new URL(href);
  const tls = tlsOptions(url, url.protocol === 'rediss:');
  return {
    host: hostOf(url),
    port: url.port === '' ? 6379 : Number(url.port),
    db: Number(url.pathname.slice(1)),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(tls === undefined ? {} : { tls }),
    // Waiting in a queue for a Redis that is away would hold up requests; each command fails at once instead, and is
    // not sent later, when its answer is no longer wanted.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: Math.max(CONNECT_MS, timeoutMs),
    socketTimeout: Math.max(SILENCE_MS, timeoutMs),
    maxLoadingRetryTime: 1_000,
    // A former primary takes no writes any more: the name may lead to the new one by now.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  };
}

/** One URL: a single server. Several: the seeds of a cluster. */
export function connect(urls: readonly string[], timeoutMs: number): Redis | Cluster {
  const [first = '', ...others] = urls;
  const options = connectionOptions(first, timeoutMs);
  if (others.length === 0) {
    const redis = new Redis({ ...options, retryStrategy: retryDelayMs });
    // A database that does not exist: ioredis would go on with database 0, which may be somebody else's.
    redis.on('error', (error: Error & { command?: { name: string } }) => {
      if (error.command?.name === 'select') redis.disconnect(true);
    });
    return redis;
  }
  // Of a cluster's nodes only the seeds have a URL; the others take the first one's user, password and TLS.
  const { host: _host, port: _port, db: _db, tls, ...common } = options;
  const { host: _name, servername: _servername, ...nodeTls } = tls ?? {};
  return new Cluster([options, ...others.map((href) => connectionOptions(href, timeoutMs))], {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelayMs,
    // Left as they are, since certificates are about names. Connecting looks them up.
    dnsLookup: (name, found) => found(null, name),
    redisOptions: tls === undefined ? common : { ...common, tls: nodeTls },
  });
}
/**
 * What comes of a promise in time. When time is up, what has come meanwhile is read first: a process that was itself
 * held up must not take that for a slow Redis.
 */
function within<Result>(timeoutMs: number, running: Promise<Result>): Promise<Result> {
  // Not Promise.race with `async` around it, which costs several promises more for each command.
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${timeoutMs} ms`));
    const timer = setTimeout(() => setImmediate(late), timeoutMs);
    void running.then(resolve, reject).then(() => clearTimeout(timer));
  });
}

/**
 * Has everything that is sent in this turn of the event loop go out in one write: under load most of what Redis costs
 * are system calls. A cluster has a connection for each node and is left as it is.
 */
function gatherWrites(redis: Redis | Cluster): void {
  if (redis instanceof Cluster) return;
  const { stream } = redis;
  if (stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => stream.uncork());
}
