import { Cluster, Redis } from 'ioredis';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** A Redis that may be away: a command gives undefined instead of failing, and never takes longer than it may. */
export interface BoundedRedis {
  /**
   * Sends commands.
   * @param purpose for counting failures
   * @returns what they gave; undefined when Redis is away, slow or was found so a moment ago
   */
  run<Result>(purpose: string, commands: (redis: Redis | Cluster) => Promise<Result>): Promise<Result | undefined>;
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

// After a failure nothing is sent for this long; then one command tries again while the others still go without.
const BREAK_MS = 500;

/** Connects in the background: a Redis that is away at start is used once it is there. */
export function createRedis({ urls, timeoutMs, log, metrics }: RedisOptions): BoundedRedis {
  const redis = connect(urls);
  let brokenUntil = 0;
  let probing = false;
  let reported = false;
  redis.on('error', (error: Error) => {
    if (!reported) log.warn({ err: error }, 'Redis is away; answers are not cached until it is back');
    reported = true;
  });
  redis.on('ready', () => {
    if (reported) log.info('Redis is back');
    reported = false;
    brokenUntil = 0;
  });

  return {
    async run(purpose, commands) {
      const now = performance.now();
      if (redis.status !== 'ready' || now < brokenUntil || probing) return undefined;
      probing = brokenUntil > 0;
      try {
        const result = await within(timeoutMs, commands(redis));
        brokenUntil = 0;
        return result;
      } catch (error) {
        brokenUntil = performance.now() + BREAK_MS;
        metrics.redisFailures.inc({ purpose });
        log.debug({ err: error, purpose }, 'a Redis command failed');
        return undefined;
      } finally {
        probing = false;
      }
    },
    isUp: () => redis.status === 'ready' && performance.now() >= brokenUntil,
    async close() {
      redis.disconnect();
    },
  };
}

function connect(urls: readonly string[]): Redis | Cluster {
  // Waiting in a queue for a Redis that is away would hold up requests; each command fails at once instead.
  const options = { enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 1_000 };
  const retry = (times: number) => Math.min(times * 100, 1_000);
  const [first = ''] = urls;
  if (urls.length > 1)
    return new Cluster([...urls], { enableOfflineQueue: false, clusterRetryStrategy: retry, redisOptions: options });
  return new Redis(first, { ...options, retryStrategy: retry });
}

async function within<Result>(timeoutMs: number, running: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}
