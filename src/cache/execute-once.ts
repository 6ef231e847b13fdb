import { setTimeout as pause } from 'node:timers/promises';
import type { Representation } from '../representation.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { within } from '../time-limit.ts';
import type { Passengers } from './flights.ts';
import type { Lease } from './lease.ts';
import type { CachedResponse, CacheKey, CachePolicy, Lookup, LookupOptions, Missing } from './lookups.ts';
import type { ResponseCache } from './response-cache.ts';
import type { PlacedResponse } from './stored-response.ts';

/** How many times a request waits for the response of another one, before it is executed by itself. */
export const MAX_WAITS = 2;
/** Between looks at whether another gateway has stored its response. */
const FIRST_PAUSE_MS = 4;
const LONGEST_PAUSE_MS = 200;

/** What an execution gives. */
export interface Executed {
  /** What is stored of it; empty if it must not be stored. */
  readonly representations: readonly Representation[];
  /** In milliseconds since 1970. */
  readonly computedAtMs: number;
  /** Whether it has errors, so that it is given to nobody but whoever it was executed for. */
  readonly hasErrors: boolean;
  /** Whether some of them say that the database cannot be reached, or took too long. */
  readonly isUnavailable: boolean;
}

/** Who waits for an execution: one request, or those of a flight. */
export type Waiting = Pick<Passengers, 'signal'> &
  Partial<Passengers> & {
    /** To be called when it is the turn of one of them, and the execution begins. */
    readonly onBegun?: () => void;
  };

/** A request for a response that may be cached. */
export interface CacheableRequest<Response extends Executed> {
  readonly key: CacheKey;
  /** Whose work it is. */
  readonly client: string;
  readonly policy: CachePolicy;
  readonly cacheControl: LookupOptions & {
    /** Whether its response is not stored. */
    readonly noStore: boolean;
    /** Whether it is not executed. */
    readonly onlyIfCached: boolean;
  };
  /** That of the request that it is for. */
  readonly patience: LookupOptions['patience'];
  /** Its look-up, if that was made already. */
  readonly lookup?: Lookup | undefined;
  /** How long it waits, as for `within`. */
  readonly limit: Parameters<typeof within>[0];
  /**
   * Executes it; never rejects.
   * @param tags collects the tags of everything that is read
   */
  readonly execute: (waiting: Waiting, tags: Set<string>) => Promise<Response>;
}

/** The metrics of cached responses. */
export type CacheMetrics = Pick<
  Metrics,
  'cacheMisses' | 'cacheRefreshes' | 'cacheResults' | 'cacheWaiting' | 'cacheWaits'
>;

/** What those who wait for the same response get: one that was executed for them, or one that another gateway has stored. */
export type Outcome<Response> = PlacedResponse &
  ({ readonly executed: Response } | { readonly stored: CachedResponse });

/** Creates the functions that execute a request, on whichever gateway comes first. */
export function createExecuteOnce<Response extends Executed>(cache: ResponseCache, metrics: CacheMetrics) {
  type Request = CacheableRequest<Response>;
  const waits = (outcome: 'stored' | 'taken over') => metrics.cacheWaits.inc({ outcome });

  /** Executes the request and stores its response. The store is not awaited: later look-ups come after it on the same connection. */
  const execute = async (
    request: Request,
    found: Missing,
    { lease, ...waiting }: Waiting & { readonly lease?: Lease },
  ): Promise<Outcome<Response> & { executed: Response }> => {
    const tags = new Set<string>();
    let stopKeeping: (() => void) | undefined;
    // Not while it waits for its turn: other gateways may have time for it.
    const onBegun = () => (stopKeeping ??= lease?.keep());
    const executed = await request.execute({ ...waiting, onBegun }, tags).finally(() => stopKeeping?.());
    const { representations, computedAtMs } = executed;
    const shown = [...tags];
    const isStored = representations.length > 0 && !request.cacheControl.noStore;
    if (isStored) void found.store({ representations, computedAtMs, tags: () => shown }, lease);
    else if (waiting.signal.aborted) lease?.release();
    else lease?.open();
    return { executed, position: found.position, tags: () => shown };
  };

  return {
    execute,
    /** Executes the request when no other gateway does, or waits for the response that it stores. */
    async executeOrWait(request: Request, missing: Missing, waiting: Passengers): Promise<Outcome<Response>> {
      let found = missing;
      let vain = 0;
      for (let pauses = 0; vain < MAX_WAITS; pauses += 1) {
        if (pauses > 0) await pause(pauseMs(pauses), undefined, { signal: waiting.signal });
        const attempt = await found.lease.take();
        if (attempt === undefined || attempt.state === 'OPEN') break;
        const isTaken = attempt.state === 'TAKEN';
        const isStored = !attempt.head.equals(found.head);
        if (isStored || (isTaken && pauses > 0)) {
          // With the log of writes as it is now, which says whether the response may be used, and from when a new one is.
          const again = await cache.lookup(request.key, request.policy, request.cacheControl);
          if (isTaken && (again.result === 'HIT' || again.result === 'BYPASS')) found.lease.release();
          if (again.result === 'BYPASS') break;
          if (again.result === 'HIT') {
            waits('stored');
            return { ...again.response, stored: again.response };
          }
          found = { ...missingOf(again), lease: found.lease };
          vain += 1;
        }
        if (isTaken) {
          if (pauses > 0) waits('taken over');
          return execute(request, found, { ...waiting, lease: found.lease });
        }
      }
      return execute(request, found, waiting);
    },
    /** Executes the request unless another gateway does or did a moment ago; undefined then, or without Redis. */
    async executeIfFirst(
      request: Request,
      found: Missing,
      waiting: Passengers,
    ): Promise<Outcome<Response> | undefined> {
      const { lease, head } = found;
      const attempt = await lease.take();
      if (attempt?.state !== 'TAKEN') return undefined;
      if (attempt.head.equals(head)) return execute(request, found, { ...waiting, lease });
      lease.release();
      return undefined;
    },
  };
}

const missingOf = (lookup: Exclude<Lookup, { readonly result: 'HIT' | 'BYPASS' }>): Missing =>
  lookup.result === 'STALE' ? lookup.missing : lookup;

/** Twice as long each time, and different for each gateway, so that they do not look all at once. */
const pauseMs = (pauses: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (pauses - 1)) * (0.5 + Math.random() / 2);
