import { Cluster, Redis, ReplyError } from 'ioredis';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { hostOf, tlsOptions } from '../tls.ts';
import { RedisConnector } from './redis-connector.ts';

/**
 * What commands are for. A look-up delays a request, so if it times out, the circuit breaker opens. No request waits for a
 * store or for a message to other gateways. Invalidations are sent even while the circuit breaker is open, because other gateways
 * may still be serving what they invalidate.
 */
export type RedisPurpose = 'lookup' | 'store' | 'invalidate' | 'publish';

/** A Redis that may be down: commands resolve with undefined instead of failing, and within a bounded time. */
export interface BoundedRedis {
  /**
   * Sends commands.
   * @param purpose labels failures in the metrics
   * @returns their result; undefined when one failed, Redis is down or slow, or the circuit breaker is open
   */
  run<Result>(
    purpose: RedisPurpose,
    commands: (redis: Redis | Cluster) => Promise<Result>,
  ): Promise<Result | undefined>;
  /** Whether there is a connection, and the circuit breaker is closed. */
  isUp(): boolean;
  close(): Promise<void>;
}

export interface RedisOptions {
  /** One URL means a single server, several are the seeds of a cluster. */
  readonly urls: readonly string[];
  /** The longest that `run` may take. */
  readonly timeoutMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
}

// How long the circuit breaker stays open. Then it is half-open: one command probes Redis, and all others still fail at once.
const OPEN_MS = 500;
const CONNECT_MS = 1_000;
// A connection that receives nothing for this long is dropped: its peer may be gone without closing it.
const SILENCE_MS = 2_000;

/** Connects in the background. If Redis is down at start, it is used as soon as it is up. */
export function createRedis({ urls, timeoutMs, log, metrics }: RedisOptions): BoundedRedis {
  const redis = connect(urls, timeoutMs);
  const breaker = createCircuitBreaker(log);
  let isClosed = false;
  redis.on('error', (error: Error) => {
    metrics.redisFailures.inc({ purpose: 'connect' });
    // A connection that is closed during its set-up also ends with an error.
    if (!isClosed) breaker.reportDown(error);
  });
  redis.on('ready', () => breaker.close());

  return {
    async run(purpose, commands) {
      if (redis.status !== 'ready') return undefined;
      const admitted = breaker.admit(purpose);
      if (admitted === 'REFUSED') return undefined;
      const isProbe = admitted === 'PROBE';
      try {
        batchWrites(redis);
        const result = await withTimeout(timeoutMs, commands(redis));
        // Only the probe closes the circuit breaker; other commands were sent before it opened, so their success says less.
        if (isProbe) breaker.close();
        return result;
      } catch (error) {
        metrics.redisFailures.inc({ purpose });
        log.debug({ err: error, purpose }, 'a Redis command failed');
        // An error reply (out of memory, read-only, loading) came in time, and the circuit breaker only guards against waiting.
        if (error instanceof ReplyError) {
          if (isProbe) breaker.close();
        } else if (purpose === 'lookup' || isProbe) {
          breaker.open();
          if (!isClosed) breaker.reportDown(error);
        }
        return undefined;
      } finally {
        if (isProbe) breaker.endProbe();
      }
    },
    isUp: () => redis.status === 'ready' && breaker.isClosed(),
    async close() {
      isClosed = true;
      redis.disconnect();
    },
  };
}

/**
 * Keeps requests from waiting for a Redis that does not respond: while it is open, all commands but invalidations fail at once.
 * Also logs when Redis goes down and when it is back.
 */
function createCircuitBreaker(log: Log) {
  /** 0 while it is closed. */
  let openUntil = 0;
  let isProbing = false;
  let isReported = false;
  return {
    isClosed: () => openUntil === 0,
    /** Whether a command may be sent. While this is not closed, any that is sent probes whether Redis responds again. */
    admit(purpose: RedisPurpose): 'USUAL' | 'PROBE' | 'REFUSED' {
      if (openUntil === 0) return 'USUAL';
      if (purpose !== 'invalidate' && (isProbing || performance.now() < openUntil)) return 'REFUSED';
      isProbing = true;
      return 'PROBE';
    },
    endProbe(): void {
      isProbing = false;
    },
    open(): void {
      openUntil = performance.now() + OPEN_MS;
    },
    reportDown(error: unknown): void {
      if (!isReported) log.warn({ err: error }, 'Redis is down; responses are not cached until it is back');
      isReported = true;
    },
    close(): void {
      if (isReported) log.info('Redis is back');
      isReported = false;
      openUntil = 0;
    },
  };
}

/** Delay before the next attempt to connect. */
export const retryDelayMs = (times: number): number => Math.min(times * 100, 1_000);

/**
 * ioredis options for the server of a `redis://` or `rediss://` URL, and those that all connections share.
 * @param timeoutMs how long a command may take: no connection is dropped sooner
 * @throws Error when the `ssl-ca` file cannot be read
 */
export function redisOptions(href: string, timeoutMs: number) {
  const url = new URL(href);
  const tls = tlsOptions(url, url.protocol === 'rediss:');
  return {
    host: hostOf(url),
    port: url.port === '' ? 6379 : Number(url.port),
    db: Number(url.pathname.slice(1)),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(tls === undefined ? {} : { tls }),
    // Queueing commands while Redis is down would delay requests. Each fails at once instead, and is not sent later, when its
    // result is of no use.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    Connector: RedisConnector,
    connectTimeout: Math.max(CONNECT_MS, timeoutMs),
    socketTimeout: Math.max(SILENCE_MS, timeoutMs),
    maxLoadingRetryTime: 1_000,
    // A demoted primary takes no writes. Reconnecting resolves the name again, perhaps to the new primary.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  };
}

/** One URL connects to a single server, several are the seeds of a cluster. */
export function connect(urls: readonly string[], timeoutMs: number): Redis | Cluster {
  const [first = '', ...others] = urls;
  const options = redisOptions(first, timeoutMs);
  if (others.length === 0) {
    const redis = new Redis({ ...options, retryStrategy: retryDelayMs });
    // If the database does not exist, ioredis would go on with database 0, which may belong to something else.
    redis.on('error', (error: Error & { command?: { name: string } }) => {
      if (error.command?.name === 'select') redis.disconnect(true);
    });
    return redis;
  }
  // Only a cluster's seeds have URLs. The other nodes use the first seed's user, password and TLS.
  const { host: _host, port: _port, db: _db, tls, ...common } = options;
  const { host: _name, servername: _servername, ...nodeTls } = tls ?? {};
  return new Cluster([options, ...others.map((href) => redisOptions(href, timeoutMs))], {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelayMs,
    // Names are not resolved here, because certificates are verified against them. Connecting resolves them.
    dnsLookup: (name, found) => found(null, name),
    redisOptions: tls === undefined ? common : { ...common, tls: nodeTls },
  });
}

/**
 * Rejects when a promise takes too long. When time is up, pending input is still read first, so that a process that was itself
 * blocked does not mistake that for a slow Redis. Not `within` of `time-limit.ts`, which does not wait for input, and whose
 * signal and further promises take 0.45 µs per command instead of 0.2 (2026-11-27).
 */
function withTimeout<Result>(timeoutMs: number, running: Promise<Result>): Promise<Result> {
  // Not an async function with Promise.race, which would create several more promises for each command.
  return new Promise((resolve, reject) => {
    const late = () => reject(Object.assign(new Error(`no response within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }));
    const timer = setTimeout(() => setImmediate(late), timeoutMs);
    void running.then(resolve, reject).then(() => clearTimeout(timer));
  });
}

/**
 * Sends all commands of this turn of the event loop in one write: under load, most of the cost of Redis is
 * system calls. A cluster has one connection per node and is left alone.
 */
function batchWrites(redis: Redis | Cluster): void {
  if (redis instanceof Cluster) return;
  const { stream } = redis;
  if (stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => stream.uncork());
}
