import type { Representation } from '../representation.ts';
import { within } from '../time-limit.ts';
import {
  createExecuteOnce,
  MAX_WAITS,
  type CacheableRequest,
  type CacheMetrics,
  type Executed,
  type Outcome,
} from './execute-once.ts';
import { createFlights } from './flights.ts';
import type { LogPosition } from './known-entries.ts';
import type { CachedResponse, Lookup, Missing } from './lookups.ts';
import type { ResponseCache } from './response-cache.ts';

/** A response, and where it comes from. */
type Source<Response> =
  | {
      readonly result: 'HIT' | 'STALE';
      readonly stored: CachedResponse;
      /** Stores it again with a further representation, if that pays. */
      readonly add?: (representation: Representation) => Promise<void>;
    }
  /** Executed now, for this request or for an equal one. */
  | { readonly result: 'MISS' | 'BYPASS'; readonly executed: Response; readonly tags: () => readonly string[] };

/** A response, or null when there is none and nothing must be executed; and what the request's own look-up has found. */
export interface Served<Response> {
  readonly found: Lookup;
  readonly source: Source<Response> | null;
}

export interface CollapsingOptions {
  readonly metrics: CacheMetrics;
  /** How many stale responses are refreshed at the same time. */
  readonly refreshesAtOnce: number;
}

/** Creates what equal requests of this gateway share. */
function createSharing<Response extends Executed>(
  cache: ResponseCache,
  { metrics, refreshesAtOnce }: CollapsingOptions,
) {
  const flights = createFlights<Outcome<Response> | undefined>();
  const once = createExecuteOnce<Response>(cache, metrics);
  let refreshing = 0;
  type Request = CacheableRequest<Response>;

  /** Executes it in the background, unless that is being done. */
  const refreshLater = async (request: Request, found: Missing): Promise<void> => {
    if (refreshing >= refreshesAtOnce || flights.has(found.name)) return;
    refreshing += 1;
    const { outcome, leave } = flights.board(found.name, request.client, (waiting) =>
      once.executeIfFirst(request, found, waiting),
    );
    try {
      if ((await outcome) !== undefined) metrics.cacheRefreshes.inc();
    } finally {
      refreshing -= 1;
      leave();
    }
  };

  /** The last response, if it may still be used. */
  const lastOf = ({ last }: Missing): Source<Response> | undefined =>
    last !== undefined && cache.isFresh(last) ? { result: 'STALE', stored: last } : undefined;

  /**
   * Undefined if it has waited in vain.
   * @param waiting.since how far its first look-up has read the log of writes
   */
  const together = async (
    request: Request,
    found: Missing,
    { since, signal }: { readonly since: LogPosition; readonly signal: AbortSignal },
  ): Promise<Source<Response> | undefined> => {
    signal.throwIfAborted();
    const { isFirst, outcome, leave } = flights.board(found.name, request.client, (waiting) =>
      once.executeOrWait(request, found, waiting),
    );
    const left = Promise.withResolvers<never>();
    const stop = () => left.reject(signal.reason);
    signal.addEventListener('abort', stop);
    if (!isFirst) metrics.cacheWaiting.inc();
    try {
      const given = await Promise.race([outcome, left.promise]);
      if (given === undefined) return undefined;
      const failed = 'executed' in given && given.executed.hasErrors ? given.executed : undefined;
      const last = failed?.isUnavailable === true ? lastOf(found) : undefined;
      if (last !== undefined) return last;
      if (!isFirst && (failed !== undefined || !cache.isFresh(given, since))) return undefined;
      if (!isFirst) metrics.cacheWaits.inc({ outcome: 'joined' });
      if ('stored' in given) return { result: 'HIT', stored: given.stored };
      return { result: 'MISS', executed: given.executed, tags: given.tags };
    } finally {
      signal.removeEventListener('abort', stop);
      if (!isFirst) metrics.cacheWaiting.dec();
      leave();
    }
  };

  return { execute: once.execute, refreshLater, together, lastOf };
}

/**
 * Responds with a cached response, or else with that of one execution for all equal requests at the same time (request collapsing,
 * as RFC 9111, section 4, calls it), on all gateways. Whoever waits for an execution has made a look-up of its own, and uses the
 * response only if it could have used it had it been stored: an execution that began before a write is of no use to a request that
 * came after it, and one that began after the request is, whatever was written since. A response whose lifetime is over is used
 * while it is refreshed, or while the database is unavailable (RFC 5861), but never one that a write has changed.
 * @returns a function that rejects as `within` does
 */
export function createCollapsing<Response extends Executed>(cache: ResponseCache, options: CollapsingOptions) {
  const { metrics } = options;
  const { execute, refreshLater, together, lastOf } = createSharing<Response>(cache, options);
  // Looking up a label by its value costs more than incrementing it.
  const counter = (result: Source<Response>['result']) => metrics.cacheResults.labels(result);
  const results = { HIT: counter('HIT'), STALE: counter('STALE'), MISS: counter('MISS'), BYPASS: counter('BYPASS') };
  type Request = CacheableRequest<Response>;

  /** For this request alone. */
  const executeAlone = async (request: Request, found: Lookup, signal: AbortSignal): Promise<Source<Response>> => {
    if (found.result === 'MISS') {
      const { executed, tags } = await execute(request, found, { signal });
      const last = executed.isUnavailable ? lastOf(found) : undefined;
      return last ?? { result: request.cacheControl.refresh ? 'BYPASS' : 'MISS', executed, tags };
    }
    const tags = new Set<string>();
    return { result: 'BYPASS', executed: await request.execute({ signal }, tags), tags: () => [...tags] };
  };

  const serveMissing = async (request: Request, missing: Lookup, signal: AbortSignal): Promise<Source<Response>> => {
    const { key, policy, cacheControl } = request;
    const mostWaits = cacheControl.refresh || cacheControl.noStore ? 0 : MAX_WAITS;
    const since = missing.result === 'MISS' ? missing.position : '';
    let found = missing;
    for (let waited = 0; found.result === 'MISS' && waited < mostWaits; waited += 1) {
      const served = await together(request, found, { since, signal });
      if (served !== undefined) return served;
      found = await cache.lookup(key, policy, cacheControl);
    }
    if (found.result === 'HIT' || found.result === 'STALE') return { result: found.result, stored: found.response };
    if (found !== missing) metrics.cacheWaits.inc({ outcome: 'alone' });
    return executeAlone(request, found, signal);
  };

  const serve = async (request: Request): Promise<Served<Response>> => {
    const { key, policy, cacheControl, limit, patience } = request;
    const found = request.lookup ?? (await cache.lookup(key, policy, { ...cacheControl, patience }));
    if (found.result === 'HIT') return { found, source: { result: 'HIT', stored: found.response, add: found.add } };
    if (found.result === 'STALE') {
      if (!cacheControl.noStore && !cacheControl.onlyIfCached) void refreshLater(request, found.missing);
      return { found, source: { result: 'STALE', stored: found.response } };
    }
    if (cacheControl.onlyIfCached) return { found, source: null };
    try {
      return { found, source: await within(limit, (signal) => serveMissing(request, found, signal)) };
    } catch (error) {
      // Its time is up.
      const last = found.result === 'MISS' && limit.signal?.aborted !== true ? lastOf(found) : undefined;
      if (last === undefined) throw error;
      return { found, source: last };
    }
  };

  return async (request: Request): Promise<Served<Response>> => {
    const served = await serve(request);
    const { found, source } = served;
    const result = source?.result ?? 'BYPASS';
    results[result].inc();
    if ((result === 'MISS' || result === 'BYPASS') && 'reason' in found)
      metrics.cacheMisses.inc({ reason: found.reason });
    return served;
  };
}
