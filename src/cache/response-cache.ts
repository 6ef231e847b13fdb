import type { Metrics } from '../telemetry/metrics.ts';
import { ALL_TAGS, createInvalidationLog, type LogPosition } from './invalidation-log.ts';
import type { BoundedRedis } from './redis.ts';
import { createPending } from './pending.ts';
import { CHECK_MS, createStanding, leaseMs } from './standing.ts';

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

/** A response that was just computed. */
export interface NewResponse {
  readonly body: Buffer;
  /** Everything that the response shows (`batch/tags.ts`): a write to any of it invalidates the response. */
  readonly tags: Iterable<string>;
}

/** A cached response: the same bytes that were sent the first time. */
export interface CachedResponse {
  readonly body: Buffer;
  readonly ageSeconds: number;
}

/** The result of a look-up. */
export type Lookup =
  | { readonly result: 'HIT'; readonly response: CachedResponse }
  /** `store` caches the new response. If it shows what a write has changed since this look-up, it is never served. */
  | { readonly result: 'MISS'; readonly store: (response: NewResponse) => Promise<void> }
  /** Redis is down, refuses commands, or does not know of a write yet. */
  | { readonly result: 'BYPASS' };

/** Responses to queries, kept in Redis and shared by every instance of the gateway. */
export interface ResponseCache {
  /** @param options.refresh ignores what is stored and replaces it */
  lookup(key: CacheKey, policy: CachePolicy, options: { refresh: boolean }): Promise<Lookup>;
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
  const redisKey = ({ request, access }: CacheKey) => `${prefix}response:${schemaHash}:${request}:${access}`;
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

  return {
    async lookup(key, policy, { refresh }) {
      if (isBehind()) return counted({ result: 'BYPASS' });
      const name = redisKey(key);
      const lapsesBefore = lapses;
      const found = await read(name);
      // After a lapse, this may have read the log before it was told of that, and both replies may have come at once.
      if (found === undefined || isBehind() || lapses !== lapsesBefore) return counted({ result: 'BYPASS' });
      const { stored, position } = found;
      const response = refresh || stored === null ? undefined : decode(stored);
      if (response !== undefined && log.isFresh(response.position, response.tags))
        return counted({ result: 'HIT', response });
      const store = async (computed: NewResponse) => {
        await redis.run('store', (client) => client.set(name, encode(computed, position), 'EX', policy.maxAgeSeconds));
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

/** More than a time and a position have. */
const HEAD_BYTES = 64;

// Format of a cached response: the time it was stored, its position and its tags on one line, then the body.
function encode({ body, tags }: NewResponse, position: LogPosition): Buffer {
  return Buffer.concat([Buffer.from(`${[Date.now(), position, ...tags].join(' ')}\n`), body]);
}

function decode(
  stored: Buffer,
): (CachedResponse & { position: LogPosition; tags: () => readonly string[] }) | undefined {
  const end = stored.indexOf(10);
  if (end < 0) return undefined;
  const [storedAt, position = ''] = stored.toString('latin1', 0, Math.min(end, HEAD_BYTES)).split(' ', 2);
  const ageSeconds = Math.max(0, Math.floor((Date.now() - Number(storedAt)) / 1_000));
  const tags = () => stored.toString('latin1', 0, end).split(' ').slice(2);
  return { body: stored.subarray(end + 1), ageSeconds, position, tags };
}
