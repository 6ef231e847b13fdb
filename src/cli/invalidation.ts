import { createOutsideInvalidation, type CacheLocation } from '../cache/outside-invalidation.ts';
import type { Config } from '../config.ts';

/** The cache of the gateways that use the Redis of the settings; undefined when there is none. */
export function cacheOf({ redisUrls: urls, cache: { prefix, timeoutMs } }: Config): CacheLocation | undefined {
  return urls.length === 0 ? undefined : { urls, prefix, timeoutMs };
}

/**
 * Warns that cached responses were not invalidated, if the settings have a database but no Redis: other gateways on that database
 * may have one.
 */
export function warnOfCaches({ databaseUrl, redisUrls, cache }: Config, report: (line: string) => void): void {
  if (databaseUrl === undefined || redisUrls.length > 0 || !cache.enabled) return;
  report(
    'No cache was invalidated: running gateways with a Redis may serve stale responses until they expire. To invalidate them, set REDIS_URL.',
  );
}

/**
 * Runs a command that writes. When it has ended, however it ended, invalidates every cached response, and lets every subscription
 * read its customer again.
 * @param options.report gets a line if that fails
 * @param command gets a function to call after each transaction, which does that too
 */
export async function withInvalidation<Result>(
  { cache, report }: { cache: CacheLocation | undefined; report: (line: string) => void },
  command: (written: () => Promise<void>) => Promise<Result>,
): Promise<Result> {
  if (cache === undefined) return command(async () => {});
  const outside = createOutsideInvalidation(cache);
  try {
    // A failure here does not matter: all of it is done again at the end.
    return await command(async () => void (await outside.invalidateAll()));
  } finally {
    const problem = await outside.invalidateAll();
    outside.close();
    if (problem === undefined) await outside.settled();
    if (problem !== undefined)
      report(
        `The gateways could not be told (${problem}): they may serve stale responses until they expire, and subscriptions may miss what was written.`,
      );
  }
}
