import { Cluster, Redis, ReplyError } from 'ioredis';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { hostOf, tlsOptions } from '../tls.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { LEASE_SCRIPTS } from './lease-scripts.ts';
import { RedisConnector } from './redis-connector.ts';
import { createStateReport, REDIS_STATES, refusalOf, type RedisPurpose, type RedisState } from './redis-state.ts';
import { createTurns, NoReplyError } from './turns.ts';

/** A Redis that may be down: commands resolve with undefined instead of failing, and within a bounded time. */
export interface BoundedRedis {
  /**
   * Sends commands.
   * @param purpose labels failures in the metrics
   * @param isProof whether the result shows that Redis accepts such commands: a script that had nothing to write does not
   * @returns their result; undefined when one failed, Redis is down or slow, or the circuit breaker is open
   */
  run<Result>(
    purpose: RedisPurpose,
    commands: (redis: Redis | Cluster) => Promise<Result>,
    isProof?: (result: Result) => boolean,
  ): Promise<Result | undefined>;
  /** Up while there is a connection, the circuit breaker is closed, and Redis accepts what it is sent. */
  state(): RedisState;
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

/** What opens the circuit breaker when Redis does not reply. */
const OPENING: ReadonlySet<RedisPurpose> = new Set(['lookup', 'lease', 'check', 'rate', 'document']);

const CONNECT_MS = 1_000;
// A connection that receives nothing for this long is dropped: its peer may be gone without closing it.
const SILENCE_MS = 2_000;

/** Connects in the background. If Redis is down at start, it is used as soon as it is up. */
export function createRedis({ urls, timeoutMs, log, metrics }: RedisOptions): BoundedRedis {
  const redis = connect(urls, timeoutMs);
  const inTurns = createTurns(redis, timeoutMs);
  const breaker = createCircuitBreaker();
  const report = createStateReport(log);
  let isClosed = false;
  const down = (error: unknown): void => {
    // A connection that is closed during its set-up also ends with an error.
    if (!isClosed) report.down(error);
  };
  const back = (): void => {
    breaker.close();
    report.back();
  };
  const failed = (purpose: RedisPurpose | 'connect', error: unknown): void =>
    metrics.redisFailures.inc({ purpose, reason: reasonOf(error) });
  const state = (): RedisState => {
    if (report.isDown() || !breaker.isClosed()) return 'down';
    // A connection that Redis has refused a command on may be on its way to another server.
    if (report.isRefusing()) return 'refusing';
    return redis.status === 'ready' ? 'up' : 'down';
  };
  metrics.showRedisState(REDIS_STATES, state);
  redis.on('error', (error: Error) => {
    failed('connect', error);
    down(error);
  });
  redis.on('ready', back);

  return {
    async run(purpose, commands, isProof) {
      if (redis.status !== 'ready') return undefined;
      const admitted = breaker.admit(purpose);
      if (admitted === 'REFUSED') return undefined;
      const isProbe = admitted === 'PROBE';
      const sent = report.sent();
      try {
        const result = await inTurns(() => commands(redis));
        // Only the probe closes the circuit breaker; other commands were sent before it opened, so their success says less.
        if (isProbe) back();
        if (isProof?.(result) !== false) report.accepted(purpose, sent);
        return result;
      } catch (error) {
        failed(purpose, error);
        log.debug({ err: error, purpose }, 'a Redis command failed');
        // An error reply (no replicas, read-only, loading) came in time, and the circuit breaker only guards against waiting.
        if (error instanceof ReplyError) {
          if (isProbe) back();
          report.refused(purpose, sent, error);
        } else if (error instanceof NoReplyError && (isProbe || OPENING.has(purpose))) {
          // After any other error, the connection is closed, and nothing is sent before it is open again.
          if (breaker.isClosed()) metrics.breakerOpenings.inc();
          breaker.open();
          down(error);
        }
        return undefined;
      } finally {
        if (isProbe) breaker.endProbe();
      }
    },
    state,
    async close() {
      isClosed = true;
      redis.disconnect();
    },
  };
}

/** What Redis refused a command with, the code of a connection's error, or CLOSED for a connection that was closed. */
function reasonOf(error: unknown): string {
  if (error instanceof ReplyError) return refusalOf(error);
  return Error.isError(error) && 'code' in error ? String(error.code) : 'CLOSED';
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
    const redis = new Redis({ ...options, retryStrategy: retryDelayMs, scripts: LEASE_SCRIPTS });
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
    scripts: LEASE_SCRIPTS,
    // Names are not resolved here, because certificates are verified against them. Connecting resolves them.
    dnsLookup: (name, found) => found(null, name),
    redisOptions: tls === undefined ? common : { ...common, tls: nodeTls },
  });
}
