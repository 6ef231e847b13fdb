import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { createInvalidationLog } from './invalidation-log.ts';
import { ALL_TAGS } from './known-entries.ts';
import { NEAR_WAIT_MS } from './near-registry.ts';
import { ANY_CHANNEL } from './redis-channels.ts';
import { connect } from './redis.ts';

/** Where the gateways keep their cache. */
export interface CacheLocation {
  readonly urls: readonly string[];
  readonly prefix: string;
  /** The longest a command may take. */
  readonly timeoutMs: number;
}

/** Tells the gateways that anything may have changed, for other processes that write to their database, such as an import. */
export interface OutsideInvalidation {
  /**
   * Invalidates every cached response, and lets subscriptions read their customers again. Returns why one of both failed; undefined
   * on success.
   */
  invalidateAll(): Promise<string | undefined>;
  /** Resolves when no gateway answers from its memory without having read of what was invalidated. */
  settled(): Promise<void>;
  close(): void;
}

// Such a process runs for minutes, so it can wait for a connection once, but must not hang when Redis is down.
const CONNECT_MS = 5_000;

/** Connects in the background. */
export function createOutsideInvalidation({ urls, prefix, timeoutMs }: CacheLocation): OutsideInvalidation {
  const redis = connect(urls, timeoutMs);
  let problem: string | undefined;
  redis.on('error', (error: Error) => {
    problem = error.message;
  });
  const log = createInvalidationLog({ prefix });
  return {
    async invalidateAll() {
      try {
        if (redis.status !== 'ready') {
          if (problem !== undefined) return problem;
          await once(redis, 'ready', { signal: AbortSignal.timeout(Math.max(CONNECT_MS, timeoutMs)) });
        }
        await log.append(redis, [ALL_TAGS]);
        // Any text will do: the gateways ignore only messages with their own ids.
        await redis.publish(`${prefix}${ANY_CHANNEL}`, 'outside');
        problem = undefined;
      } catch (error) {
        problem = Error.isError(error) ? error.message : String(error);
      }
      return problem;
    },
    settled: () => pause(NEAR_WAIT_MS),
    close: () => redis.disconnect(),
  };
}
