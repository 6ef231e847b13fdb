import type { Representation } from '../representation.ts';
import type { InvalidationLog } from './invalidation-log.ts';
import type { LogPosition } from './known-entries.ts';
import { createLease, type Lease } from './lease.ts';
import type { Patience } from './patience.ts';
import type { BoundedRedis } from './redis.ts';
import { decodeStored, encodeStored, IDENTITY_BYTES, type StoredResponse } from './stored-response.ts';

/** What identifies a response. */
export interface CacheKey {
  /** The hash of what is requested. */
  readonly request: string;
  /** Equal for callers who always get the same responses. Short, since it is part of the key in Redis. */
  readonly access: string;
}

export interface CachePolicy {
  /** At least 1. */
  readonly maxAgeSeconds: number;
}

/** A response that was just computed: its tags are everything that it shows (`batch/tags.ts`), and a write to any of it invalidates it. */
export type NewResponse = Omit<StoredResponse, 'position' | 'lifetimeMs'>;

/** A cached response: the same bytes that were sent the first time. */
export interface CachedResponse extends StoredResponse {
  /** Since it was computed. */
  readonly ageSeconds: number;
}

/** The result of a look-up. */
export type Lookup =
  | {
      readonly result: 'HIT';
      readonly response: CachedResponse;
      /** Stores the response again, with a further representation, for the rest of its lifetime. */
      readonly add: (representation: Representation) => Promise<void>;
    }
  /** Its lifetime is over, but no write has changed what it shows. It may be used while another one is made. */
  | { readonly result: 'STALE'; readonly response: CachedResponse; readonly missing: Missing }
  | Missing
  | {
      readonly result: 'BYPASS';
      readonly reason: 'redis';
      /** Redis does not answer or refuses commands; or it answers, but has not been told of a write; or it may not have been. */
      readonly because:
        | 'no answer'
        | 'a write is not told yet'
        | 'a write may have been missed'
        | 'another gateway cannot tell of its writes';
    };

/** There is no response that may be used. */
export interface Missing {
  readonly result: 'MISS';
  /** Redis has none; it is older than its lifetime, or than was asked for; a write has invalidated it; or it is to be replaced. */
  readonly reason: 'absent' | 'expired' | 'invalidated' | 'refresh';
  /** For `invalidated`: which tag (see `Staleness`). */
  readonly because?: string | null;
  /** The response that is not used. */
  readonly response?: CachedResponse;
  /** Equal for look-ups of the same response. */
  readonly name: string;
  /** How far the log of writes was read. */
  readonly position: LogPosition;
  /** The first bytes of what is stored and may not be used; empty if nothing is. */
  readonly head: Buffer;
  readonly lease: Lease;
  /** To be used if there is no other because the database is unavailable: no write has changed what it shows. */
  readonly last?: CachedResponse;
  /**
   * Caches the new response. If it shows what a write has changed since this look-up, it is never served.
   * @param lease if it was taken for this, to be given up in the same command
   */
  readonly store: (response: NewResponse, lease?: Lease) => Promise<void>;
}

export interface LookupOptions {
  readonly refresh: boolean;
  readonly maxAgeSeconds: number;
  /** That of the request; undefined if it has asked nothing else of Redis. */
  readonly patience?: Patience | undefined;
}

interface LookupsOptions {
  readonly redis: BoundedRedis;
  readonly log: Pick<InvalidationLog, 'staleness'>;
  readonly prefix: string;
  readonly staleWhileRevalidateSeconds: number;
  readonly staleIfErrorSeconds: number;
}

/** What Redis has at a name. */
interface Found {
  readonly name: string;
  readonly stored: Buffer | null;
  /** How far the log of writes was read. */
  readonly position: LogPosition;
  readonly patience: Patience;
}

const NO_HEAD = Buffer.alloc(0);

/** Creates the function that decides whether what is stored may be used, and gives the ways to store something else. */
export function createLookups({ redis, log, prefix, ...stale }: LookupsOptions) {
  const whileRevalidateMs = stale.staleWhileRevalidateSeconds * 1_000;
  const ifErrorMs = stale.staleIfErrorSeconds * 1_000;
  /** After its lifetime. */
  const keptMs = Math.max(whileRevalidateMs, ifErrorMs);

  const missingAt = (
    { name, stored, position, patience }: Found,
    { maxAgeSeconds }: CachePolicy,
    why: Pick<Missing, 'reason' | 'because' | 'response' | 'last'>,
  ): Missing => ({
    result: 'MISS',
    ...why,
    name,
    position,
    head: stored?.subarray(0, IDENTITY_BYTES) ?? NO_HEAD,
    lease: createLease(redis, { prefix, name, patience }),
    async store(computed, lease) {
      const lifetimeMs = spread(maxAgeSeconds * 1_000);
      const whole = encodeStored({ ...computed, lifetimeMs, position });
      const ms = lifetimeMs + keptMs;
      if (lease === undefined) await redis.run('store', (client) => client.set(name, whole, 'PX', ms));
      else await lease.store(whole, ms);
    },
  });

  const hit = (name: string, response: CachedResponse, ageMs: number): Lookup => ({
    result: 'HIT',
    response,
    async add(representation) {
      const whole: StoredResponse = { ...response, representations: [...response.representations, representation] };
      const leftMs = Math.ceil(response.lifetimeMs + keptMs - ageMs);
      // Whoever has stored a newer response meanwhile loses it, which is no worse than an invalidation.
      await redis.run('store', (client) => client.set(name, encodeStored(whole), 'PX', leftMs, 'XX'));
    },
  });

  return (found: Found, policy: CachePolicy, { refresh, maxAgeSeconds }: LookupOptions): Lookup => {
    const miss = (why: Parameters<typeof missingAt>[2]): Missing => missingAt(found, policy, why);
    if (refresh) return miss({ reason: 'refresh' });
    const decoded = found.stored === null ? undefined : decodeStored(found.stored);
    if (decoded === undefined) return miss({ reason: 'absent' });
    const ageMs = Math.max(0, Date.now() - decoded.computedAtMs);
    const response = { ...decoded, ageSeconds: Math.floor(ageMs / 1_000) };
    const staleness = log.staleness(response.position, response.tags);
    if (staleness !== undefined) return miss({ reason: 'invalidated', because: staleness.tag, response });
    // Not rounded, so that `max-age=0` always asks for a new one.
    if (ageMs > maxAgeSeconds * 1_000) return miss({ reason: 'expired', response });
    const overdueMs = ageMs - response.lifetimeMs;
    if (overdueMs < 0) return hit(found.name, response, ageMs);
    const mayBeStale = maxAgeSeconds === Number.POSITIVE_INFINITY;
    const last = mayBeStale && overdueMs < ifErrorMs ? { last: response } : {};
    const missing = miss({ reason: 'expired', response, ...last });
    return mayBeStale && overdueMs < whileRevalidateMs ? { result: 'STALE', response, missing } : missing;
  };
}

/** Up to a tenth less, so that what is stored together does not end together. */
const spread = (ms: number): number => Math.ceil(ms * (1 - Math.random() / 10));
