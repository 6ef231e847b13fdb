import { hash } from 'node:crypto';
import type { Representation } from '../representation.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ALL_TAGS, createInvalidationLog } from './invalidation-log.ts';
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
  | { readonly result: 'MISS'; readonly store: (response: NewResponse) => Promise<void> }
  /** Redis is down, refuses commands, or does not know of a write yet. */
  | { readonly result: 'BYPASS' };

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

  const counted = (lookup: Lookup): Lookup => {
    results[lookup.result].inc();
    return lookup;
  };

  const hitOf = (name: string, { maxAgeSeconds }: CachePolicy, response: CachedResponse): Lookup => ({
    result: 'HIT',
    response,
    async add(representation) {
      const leftSeconds = maxAgeSeconds - response.ageSeconds;
      if (leftSeconds <= 0) return;
      const whole = encodeStored({ ...response, representations: [...response.representations, representation] });
      // Whoever has stored a newer response meanwhile loses it, which is no worse than an invalidation.
      await redis.run('store', (client) => client.set(name, whole, 'EX', leftSeconds, 'XX'));
    },
  });

  return {
    async lookup(key, policy, { refresh, maxAgeSeconds = Number.POSITIVE_INFINITY }) {
      if (isBehind()) return counted({ result: 'BYPASS' });
      const name = redisKey(key);
      const lapsesBefore = lapses;
      const found = await read(name);
      // After a lapse, this may have read the log before it was told of that, and both replies may have come at once.
      if (found === undefined || isBehind() || lapses !== lapsesBefore) return counted({ result: 'BYPASS' });
      const { stored, position } = found;
      const response = refresh || stored === null ? undefined : decodeStored(stored);
      // Not rounded, so that `max-age=0` always asks for a new one.
      const ageMs = response === undefined ? 0 : Math.max(0, Date.now() - response.computedAtMs);
      if (response !== undefined && ageMs <= maxAgeSeconds * 1_000 && log.isFresh(response.position, response.tags))
        return counted(hitOf(name, policy, { ...response, ageSeconds: Math.floor(ageMs / 1_000) }));
      const store = async (computed: NewResponse) => {
        await redis.run('store', (client) =>
          client.set(name, encodeStored({ ...computed, position }), 'EX', policy.maxAgeSeconds),
        );
      };
      return counted({ result: 'MISS', store });
    },
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
