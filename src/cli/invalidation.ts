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
 * Runs a command that writes, and invalidates every cached response when it has ended, however it ended.
 * @param options.report gets a line if that fails
 * @param command gets a function to call after each transaction, which invalidates too
 */
export async function withInvalidation<Result>(
  { cache, report }: { cache: CacheLocation | undefined; report: (line: string) => void },
  command: (written: () => Promise<void>) => Promise<Result>,
): Promise<Result> {
  if (cache === undefined) return command(async () => {});
  const outside = createOutsideInvalidation(cache);
  try {
    // A failure here does not matter: every response is invalidated again at the end.
    return await command(async () => void (await outside.invalidateAll()));
  } finally {
    const problem = await outside.invalidateAll();
    outside.close();
    if (problem === undefined) await outside.settled();
    if (problem !== undefined)
      report(`The cache could not be invalidated (${problem}): gateways may serve stale responses until they expire.`);
  }
}
