import { hash, randomUUID } from 'node:crypto';
import type { Metrics } from '../telemetry/metrics.ts';
import type { BoundedRedis } from './redis.ts';

/** What tells one answer from another. */
export interface CacheKey {
  /** The normalised document's hash. */
  readonly document: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  /** Equal for callers to whom every answer is the same. */
  readonly access: string;
}

/** How long an answer may be kept, and what makes it wrong. */
export interface CachePolicy {
  /** At least 1. */
  readonly maxAgeSeconds: number;
  /** The GraphQL types that the answer shows: a write to one of them ends it. */
  readonly types: readonly string[];
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
  | { readonly result: 'MISS'; readonly store: (body: string) => Promise<void> }
  /** Redis is away, or a write could not be told to it yet. */
  | { readonly result: 'BYPASS' };

/** Answers to queries, kept in Redis for every instance of the gateway. */
export interface ResponseCache {
  /** @param options.refresh pass over what is stored and store anew */
  lookup(key: CacheKey, policy: CachePolicy, options: { refresh: boolean }): Promise<Lookup>;
  /** Ends every stored answer that shows one of the types; resolves when that is so or Redis is away. */
  invalidate(types: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

// Versions outlive the answers that name them; one that is lost only makes a miss.
const VERSION_SECONDS = 7 * 24 * 3_600;
const RETRY_MS = 200;

interface ResponseCacheOptions {
  readonly redis: BoundedRedis;
  /** Of every Redis key. */
  readonly prefix: string;
  /** Answers of another schema are not found. */
  readonly schemaHash: string;
  readonly metrics: Metrics;
}

/**
 * The first form: each type has a version in Redis, and each stored answer names the versions that it was worked out
 * from, read before its execution began. A write deletes the versions of its types, and the next reader sets new ones:
 * one command a type, however many answers are stored, and an answer that was under way meanwhile is stored under
 * versions that no longer hold. Deleting works in a Redis without free memory too.
 *
 * Single-key commands only, so that a cluster serves as well.
 */
export function createResponseCache(options: ResponseCacheOptions): ResponseCache {
  const { redis, prefix, schemaHash, metrics } = options;
  // Looking a label up by its value costs more than counting.
  const counter = (result: Lookup['result']) => metrics.cacheResults.labels(result);
  const results = { HIT: counter('HIT'), MISS: counter('MISS'), BYPASS: counter('BYPASS') };
  const versionKey = (type: string) => `${prefix}version:${type}`;
  const answerKey = (key: CacheKey) => {
    const parts = [schemaHash, key.document, key.operationName ?? '', key.access, canonical(key.variables ?? {})];
    return `${prefix}answer:${hash('sha256', parts.join('\n'), 'base64url')}`;
  };
  const untold = createUntold((types) =>
    redis.run('invalidate', (client) => Promise.all(types.map((type) => client.del(versionKey(type))))),
  );

  /** One `run`, so that the whole look-up takes no longer than a request may wait for Redis. */
  const read = (name: string, types: readonly string[]) =>
    redis.run('lookup', async (client) => {
      const [stored, ...versions] = await Promise.all([
        client.getBuffer(name),
        ...types.map((type) => client.get(versionKey(type))),
      ]);
      if (!versions.includes(null)) return { stored, versions };
      // The first time ever, after a write, and after Redis has lost it. Another reader may be faster: read it back.
      const renewed = versions.map(async (version, i) => {
        if (version !== null) return version;
        const key = versionKey(types[i] ?? '');
        const [, now] = await Promise.all([
          client.set(key, randomUUID(), 'EX', VERSION_SECONDS, 'NX'),
          client.get(key),
        ]);
        return now;
      });
      return { stored: null, versions: await Promise.all(renewed) };
    });

  const lookup: ResponseCache['lookup'] = async (key, policy, { refresh }) => {
    // A write that Redis has not heard of: what is stored may be from before it.
    if (untold.some(policy.types)) return { result: 'BYPASS' };
    const name = answerKey(key);
    const found = await read(name, policy.types);
    if (found === undefined || found.versions.includes(null) || untold.some(policy.types)) return { result: 'BYPASS' };
    const versions = found.versions.join(' ');
    const answer = refresh || found.stored === null ? undefined : decode(found.stored, versions);
    if (answer !== undefined) return { result: 'HIT', answer };
    const store = async (body: string) => {
      await redis.run('store', (client) => client.set(name, encode(body, versions), 'EX', policy.maxAgeSeconds));
    };
    return { result: 'MISS', store };
  };

  return {
    async lookup(key, policy, lookupOptions) {
      const found = await lookup(key, policy, lookupOptions);
      results[found.result].inc();
      return found;
    },
    invalidate: untold.tell,
    async close() {
      untold.close();
      await redis.close();
    },
  };
}

/**
 * The types that were written and of which Redis does not know it yet.
 * @param send tells Redis; gives undefined when it could not
 */
function createUntold(send: (types: readonly string[]) => Promise<unknown>) {
  /** By type, which telling was the last to begin: an earlier one that succeeds says nothing of a later write. */
  const lastTurns = new Map<string, number>();
  let turns = 0;
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  const tell = async (types: readonly string[]): Promise<void> => {
    turns += 1;
    const turn = turns;
    for (const type of types) lastTurns.set(type, turn);
    const isTold = (await send(types)) !== undefined;
    if (isTold) for (const type of types) if (lastTurns.get(type) === turn) lastTurns.delete(type);
    if (isTold || isClosed || retry !== undefined) return;
    retry = setTimeout(() => {
      retry = undefined;
      void tell([...lastTurns.keys()]);
    }, RETRY_MS);
    retry.unref();
  };

  return {
    /** Resolves when Redis knows, or could not be told and will be. */
    tell,
    some: (types: readonly string[]): boolean => lastTurns.size > 0 && types.some((type) => lastTurns.has(type)),
    close(): void {
      isClosed = true;
      clearTimeout(retry);
    },
  };
}

/** JSON with the keys of each object in order, so that equal variables are equal texts and others are not. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  // JSON.parse reads 1e999 as Infinity, which JSON.stringify would write like null.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`)
    .join(',')}}`;
}

// A stored answer: when it was stored and its versions on one line, then the body.
function encode(body: string, versions: string): string {
  return `${Date.now()} ${versions}\n${body}`;
}

function decode(stored: Buffer, versions: string): StoredAnswer | undefined {
  const end = stored.indexOf(10);
  const line = stored.toString('latin1', 0, end);
  const space = line.indexOf(' ');
  if (end < 0 || line.slice(space + 1) !== versions) return undefined;
  const ageSeconds = Math.max(0, Math.floor((Date.now() - Number(line.slice(0, space))) / 1_000));
  return { body: stored.subarray(end + 1), ageSeconds };
}
