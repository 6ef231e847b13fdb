import { hash } from 'node:crypto';
import { canonical } from '../canonical.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ALL_TAGS, createInvalidationLog, type Position } from './invalidation-log.ts';
import type { BoundedRedis } from './redis.ts';
import { createUntold } from './untold.ts';

/** What tells one answer from another. */
export interface CacheKey {
  /** The normalised document's hash. */
  readonly document: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  /** Equal for callers to whom every answer is the same. */
  readonly access: string;
}

/** How long an answer may be kept. */
export interface CachePolicy {
  /** At least 1. */
  readonly maxAgeSeconds: number;
}

/** An answer as it was worked out. */
export interface FreshAnswer {
  readonly body: Buffer;
  /** Everything that the answer shows (`batch/tags.ts`): a write to any of it ends the answer. */
  readonly tags: Iterable<string>;
}

/** A stored answer: the bytes that were sent the first time. */
export interface StoredAnswer {
  readonly body: Buffer;
  readonly ageSeconds: number;
}

/** What the cache knows of a key. */
export type Lookup =
  | { readonly result: 'HIT'; readonly answer: StoredAnswer }
  /** `store` keeps the answer worked out since, unless a write came between. Resolves when it is done or given up. */
  | { readonly result: 'MISS'; readonly store: (answer: FreshAnswer) => Promise<void> }
  /** Redis is away, or a write could not be told to it yet. */
  | { readonly result: 'BYPASS' };

/** Answers to queries, kept in Redis for every instance of the gateway. */
export interface ResponseCache {
  /** @param options.refresh pass over what is stored and store anew */
  lookup(key: CacheKey, policy: CachePolicy, options: { refresh: boolean }): Promise<Lookup>;
  /** Ends every stored answer with one of the tags; resolves when that is so or Redis is away. */
  invalidate(tags: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

// With more that Redis was not told of, everything is ended at once.
const MOST_UNTOLD = 1_000;

interface ResponseCacheOptions {
  readonly redis: BoundedRedis;
  /** Of every Redis key. */
  readonly prefix: string;
  /** Answers of another schema are not found. */
  readonly schemaHash: string;
  readonly metrics: Metrics;
}

/**
 * Each stored answer names everything that it shows, and the position in the log of invalidations that was known before
 * its execution began. It counts while none of that was added to the log since, which each look-up reads on to its end.
 * So a write costs one command, however many answers it ends, and an answer that was under way meanwhile is stored under
 * a position that no longer holds.
 *
 * Single-key commands only, so that a cluster serves as well.
 */
export function createResponseCache(options: ResponseCacheOptions): ResponseCache {
  const { redis, prefix, schemaHash, metrics } = options;
  // Looking a label up by its value costs more than counting.
  const counter = (result: Lookup['result']) => metrics.cacheResults.labels(result);
  const results = { HIT: counter('HIT'), MISS: counter('MISS'), BYPASS: counter('BYPASS') };
  const log = createInvalidationLog({ prefix });
  const answerKey = (key: CacheKey) => {
    const parts = [schemaHash, key.document, key.operationName ?? '', key.access, canonical(key.variables ?? {})];
    return `${prefix}answer:${hash('sha256', parts.join('\n'), 'base64url')}`;
  };
  const untold = createUntold((tags) =>
    redis.run('invalidate', async (client) => {
      await log.append(client, tags);
      return true;
    }),
  );

  /** One `run`, so that the whole look-up takes no longer than a request may wait for Redis. */
  const read = (name: string) =>
    redis.run('lookup', async (client) => {
      const [stored, position] = await Promise.all([client.getBuffer(name), log.catchUp(client)]);
      return { stored, position };
    });

  const lookup: ResponseCache['lookup'] = async (key, policy, { refresh }) => {
    // While Redis has not heard of a write, what is stored may be from before it.
    if (untold.count() > 0) return { result: 'BYPASS' };
    const name = answerKey(key);
    const found = await read(name);
    if (found === undefined || untold.count() > 0) return { result: 'BYPASS' };
    const { stored, position } = found;
    const answer = refresh || stored === null ? undefined : decode(stored);
    if (answer !== undefined && log.holds(answer.position, answer.tags)) return { result: 'HIT', answer };
    const store = async (fresh: FreshAnswer) => {
      await redis.run('store', (client) => client.set(name, encode(fresh, position), 'EX', policy.maxAgeSeconds));
    };
    return { result: 'MISS', store };
  };

  return {
    async lookup(key, policy, lookupOptions) {
      const found = await lookup(key, policy, lookupOptions);
      results[found.result].inc();
      return found;
    },
    invalidate: async (tags) => {
      if (tags.length > 0) await untold.tell(untold.count() < MOST_UNTOLD ? tags : [ALL_TAGS]);
    },
    async close() {
      untold.close();
      await redis.close();
    },
  };
}

// A stored answer: when it was stored, its position and its tags on one line, then the body.
function encode({ body, tags }: FreshAnswer, position: Position): Buffer {
  return Buffer.concat([Buffer.from(`${[Date.now(), position, ...tags].join(' ')}\n`), body]);
}

function decode(stored: Buffer): (StoredAnswer & { position: Position; tags: readonly string[] }) | undefined {
  const end = stored.indexOf(10);
  if (end < 0) return undefined;
  const [storedAt, position = '', ...tags] = stored.toString('latin1', 0, end).split(' ');
  const ageSeconds = Math.max(0, Math.floor((Date.now() - Number(storedAt)) / 1_000));
  return { body: stored.subarray(end + 1), ageSeconds, position, tags };
}
