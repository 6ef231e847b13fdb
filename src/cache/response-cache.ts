import { hash } from 'node:crypto';
import type { Representation } from '../representation.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ALL_TAGS, createInvalidationLog, type LogPosition, type Staleness } from './invalidation-log.ts';
import type { BoundedRedis } from './redis.ts';
import { createPending } from './pending.ts';
import { CHECK_MS, createStanding, leaseMs } from './standing.ts';
import { decodeStored, encodeStored, STORED_FORMAT, type StoredResponse } from './stored-response.ts';

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
export type NewResponse = Omit<StoredResponse, 'position'>;

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
  /** `store` caches the new response. If it shows what a write has changed since this look-up, it is never served. */
  | {
      readonly result: 'MISS';
      readonly store: (response: NewResponse) => Promise<void>;
      /** Redis has none; it is older than was asked for; a write has invalidated it; or it is to be replaced. */
      readonly reason: 'absent' | 'expired' | 'invalidated' | 'refresh';
      /** For `invalidated`: which tag (see `Staleness`). */
      readonly because?: string | null;
      /** The response that is not used. */
      readonly response?: CachedResponse;
    }
  | {
      readonly result: 'BYPASS';
      readonly reason: 'redis';
      /** Redis does not answer or refuses commands; or it answers, but has not been told of a write; or it may not have been. */
      readonly because: 'no answer' | 'a write is not told yet' | 'a write may have been missed';
    };

export interface LookupOptions {
  readonly refresh: boolean;
  readonly maxAgeSeconds?: number;
}

/** Responses to queries, kept in Redis and shared by every instance of the gateway. */
export interface ResponseCache {
  /**
   * @param options.refresh ignores what is stored and replaces it
   * @param options.maxAgeSeconds likewise ignores what is older
   */
  lookup(key: CacheKey, policy: CachePolicy, options: LookupOptions): Promise<Lookup>;
  /** The key in Redis. */
  nameOf(key: CacheKey): string;
  /**
   * Invalidates every cached response with one of the tags. Resolves when that is done, or when Redis has refused it or was down
   * for so long that no other gateway believes its cached responses any more.
   */
  invalidate(tags: readonly string[]): Promise<void>;
  /** Gives up invalidations that Redis has not been told yet. */
  close(): void;
}

interface ResponseCacheOptions {
  readonly redis: BoundedRedis;
  /** Prefix of every Redis key. */
  readonly prefix: string;
  /** The longest that a command may take. */
  readonly timeoutMs: number;
  /** Whether other gateways may use the same Redis. */
  readonly isShared: boolean;
  /** Part of each key, so that responses of another schema are not found. */
  readonly schemaHash: string;
  readonly metrics: Metrics;
}

/**
 * Each cached response has the tags of everything that it shows, and the position in the invalidation log from before its
 * execution began. It is fresh while none of its tags was appended since; each look-up reads the log to its end first. So a write
 * costs one command, however many responses it invalidates, and a response that was being computed meanwhile is stored as stale.
 *
 * A look-up is believed only if Redis would have accepted an invalidation right then. If this gateway may have missed a period in
 * which Redis did not, it first invalidates everything stored until then, for itself (`standing.ts`).
 *
 * Uses single-key commands only, so it also works with a cluster.
 */
export function createResponseCache(options: ResponseCacheOptions): ResponseCache {
  const { redis, prefix, schemaHash, metrics } = options;
  // Looking up a label by its value costs more than incrementing it.
  const counter = (result: Lookup['result']) => metrics.cacheResults.labels(result);
  const results = { HIT: counter('HIT'), MISS: counter('MISS'), BYPASS: counter('BYPASS') };
  const keyedHash = hash('sha256', `${STORED_FORMAT}\n${schemaHash}`, 'base64url');
  const lease = leaseMs(options.timeoutMs);
  let lapses = 0;
  /** Lapses that Redis is being told of for the first time. */
  let lapsing = 0;
  const standing = createStanding(lease, () => {
    lapses += 1;
    lapsing += 1;
    void pending.send([log.ownTag]).finally(() => (lapsing -= 1));
  });
  const log = createInvalidationLog({ prefix, onWritable: (askedMs) => standing.confirm(askedMs) });
  const redisKey = ({ request, access }: CacheKey) => `${prefix}response:${keyedHash}:${request}:${access}`;
  const pending = createPending(
    (tags) =>
      redis.run('invalidate', async (client) => {
        await log.append(client, tags);
        return true;
      }),
    ALL_TAGS,
  );

  const checking = setInterval(() => void redis.run('check', (client) => log.assertWritable(client)), CHECK_MS).unref();

  /** In a single `run`, so that the whole look-up stays within a request's time limit for Redis. */
  const read = (name: string) =>
    redis.run('lookup', async (client) => {
      const [stored, position] = await Promise.all([client.getBuffer(name), log.catchUp(client)]);
      return { stored, position };
    });

  /**
   * Whether Redis may not know of a write whose mutation was answered, so that cached responses may be stale. One that it is being
   * told of is not answered yet, and does not matter to those who ask meanwhile.
   */
  const isBehind = (): boolean => lapsing > 0 || pending.hasFailed();

  const judge = (response: StoredResponse) => log.staleness(response.position, response.tags);
  const disbelief = (): Lookup => ({
    result: 'BYPASS',
    reason: 'redis',
    because: pending.hasFailed() ? 'a write is not told yet' : 'a write may have been missed',
  });

  const counted = (lookup: Lookup): Lookup => {
    results[lookup.result].inc();
    if (lookup.result !== 'HIT') metrics.cacheMisses.inc({ reason: lookup.reason });
    return lookup;
  };

  return {
    async lookup(key, policy, { refresh, maxAgeSeconds = Number.POSITIVE_INFINITY }) {
      if (isBehind()) return counted(disbelief());
      const name = redisKey(key);
      const lapsesBefore = lapses;
      const found = await read(name);
      // After a lapse, this may have read the log before it was told of that, and both replies may have come at once.
      if (found === undefined) return counted({ result: 'BYPASS', reason: 'redis', because: 'no answer' });
      if (isBehind() || lapses !== lapsesBefore) return counted(disbelief());
      const { stored, position } = found;
      const write = (response: StoredResponse, { leftSeconds, onlyIfThere }: WriteOptions) =>
        redis.run('store', (client) => {
          const whole = encodeStored(response);
          return onlyIfThere
            ? client.set(name, whole, 'EX', leftSeconds, 'XX')
            : client.set(name, whole, 'EX', leftSeconds);
        });
      const seen = { stored: refresh ? 'ignored' : stored, position } as const;
      return counted(lookupOf(seen, { judge, write, maxAgeSeconds, lifetimeSeconds: policy.maxAgeSeconds }));
    },
    nameOf: redisKey,
    async invalidate(tags) {
      if ((await pending.send(tags)) || !options.isShared) return;
      metrics.heldWrites.inc();
      await pending.sentOrFailingFor(lease);
    },
    close() {
      clearInterval(checking);
      pending.close();
    },
  };
}

interface WriteOptions {
  readonly leftSeconds: number;
  /** Whether to write only if there is a response. */
  readonly onlyIfThere: boolean;
}

/** The result of a look-up that has read `stored`, when the log ended at `position`. */
function lookupOf(
  { stored, position }: { readonly stored: Buffer | null | 'ignored'; readonly position: LogPosition },
  given: {
    readonly judge: (response: StoredResponse) => Staleness | undefined;
    readonly write: (response: StoredResponse, options: WriteOptions) => Promise<unknown>;
    readonly maxAgeSeconds: number;
    readonly lifetimeSeconds: number;
  },
): Lookup {
  const { judge, write, maxAgeSeconds, lifetimeSeconds } = given;
  const store = async (computed: NewResponse): Promise<void> => {
    await write({ ...computed, position }, { leftSeconds: lifetimeSeconds, onlyIfThere: false });
  };
  const miss = { result: 'MISS', store } as const;
  if (stored === 'ignored') return { ...miss, reason: 'refresh' };
  const decoded = stored === null ? undefined : decodeStored(stored);
  if (decoded === undefined) return { ...miss, reason: 'absent' };
  const ageMs = Math.max(0, Date.now() - decoded.computedAtMs);
  const response = { ...decoded, ageSeconds: Math.floor(ageMs / 1_000) };
  const staleness = judge(response);
  if (staleness !== undefined) return { ...miss, reason: 'invalidated', because: staleness.tag, response };
  // Not rounded, so that `max-age=0` always asks for a new one.
  if (ageMs > maxAgeSeconds * 1_000) return { ...miss, reason: 'expired', response };
  const add = async (representation: Representation): Promise<void> => {
    const leftSeconds = lifetimeSeconds - response.ageSeconds;
    const representations = [...response.representations, representation];
    // Whoever has stored a newer response meanwhile loses it, which is no worse than an invalidation.
    if (leftSeconds > 0) await write({ ...response, representations }, { leftSeconds, onlyIfThere: true });
  };
  return { result: 'HIT', response, add };
}
