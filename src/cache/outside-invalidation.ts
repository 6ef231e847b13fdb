import { once } from 'node:events';
import { ALL_TAGS, createInvalidationLog } from './invalidation-log.ts';
import { connect } from './redis.ts';

/** Which gateways' caches: those with this Redis and this prefix of its keys. */
export interface CachePlace {
  readonly urls: readonly string[];
  readonly prefix: string;
  /** The longest that a command may take. */
  readonly timeoutMs: number;
}

/** The caches of gateways, for a process that writes to their database and is none of them. */
export interface OutsideInvalidation {
  /** Ends every stored answer. Gives why Redis could not be told; undefined when it was. */
  endAll(): Promise<string | undefined>;
  close(): void;
}

// A process that writes for minutes can wait for a connection, once; it must not hang on a Redis that is away.
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
