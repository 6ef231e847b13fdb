import { once } from 'node:events';
import { ALL_TAGS, createInvalidationLog } from './invalidation-log.ts';
import { connect } from './redis.ts';

/** Identifies the gateways' caches, by their Redis and key prefix. */
export interface CachePlace {
  readonly urls: readonly string[];
  readonly prefix: string;
  /** The longest a command may take. */
  readonly timeoutMs: number;
}

/** Invalidates gateways' caches from a process that writes to their database without being a gateway. */
export interface OutsideInvalidation {
  /** Invalidates every stored answer. Returns why Redis could not be told, or undefined on success. */
  endAll(): Promise<string | undefined>;
  close(): void;
}

// A process that writes for minutes can wait once for a connection, but must not hang when Redis is down.
const CONNECT_MS = 5_000;

/** Connects in the background. */
export function createOutsideInvalidation({ urls, prefix, timeoutMs }: CachePlace): OutsideInvalidation {
  const redis = connect(urls, timeoutMs);
  let problem: string | undefined;
  redis.on('error', (error: Error) => {
    problem = error.message;
  });
  const log = createInvalidationLog({ prefix });
  return {
    async endAll() {
      try {
        if (redis.status !== 'ready') {
          if (problem !== undefined) return problem;
          await once(redis, 'ready', { signal: AbortSignal.timeout(Math.max(CONNECT_MS, timeoutMs)) });
        }
        await log.append(redis, [ALL_TAGS]);
        problem = undefined;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
      }
      return problem;
    },
    close: () => redis.disconnect(),
  };
}
