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
  | { readonly result: 'MISS'; readonly store: (body: Buffer) => Promise<void> }
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

/**
 * The first form: each type has a version in Redis, and each stored answer names the versions that it was worked out
 * from, read before its execution began. A write gives its types new versions: one command a type, however many answers
 * are stored, and an answer that was under way meanwhile is stored under versions that no longer hold.
 *
 * Single-key commands only, so that a cluster serves as well.
 */
export function createResponseCache({
  redis,
  prefix,
  schemaHash,
  metrics,
}: {
  redis: BoundedRedis;
  /** Of every Redis key. */
  prefix: string;
  /** Answers of another schema are not found. */
  schemaHash: string;
  metrics: Metrics;
}): ResponseCache {
  const answerKey = (key: CacheKey) =>
    `${prefix}answer:${hash('sha256', `${schemaHash}\n${key.document}\n${key.operationName ?? ''}\n${key.access}\n${canonical(key.variables ?? {})}`, 'base64url')}`;
  const versionKey = (type: string) => `${prefix}version:${type}`;
  const untold = new Set<string>();
  let retry: NodeJS.Timeout | undefined;

  const tell = async (types: readonly string[]): Promise<void> => {
    for (const type of types) untold.add(type);
    const done = await redis.run('invalidate', (client) =>
      Promise.all(types.map((type) => client.set(versionKey(type), randomUUID(), 'EX', VERSION_SECONDS))),
    );
    if (done !== undefined) for (const type of types) untold.delete(type);
    else if (retry === undefined) {
      retry = setTimeout(() => {
        retry = undefined;
        void tell([...untold]);
      }, RETRY_MS);
      retry.unref();
    }
  };

  const read = async (key: string, types: readonly string[]) =>
    redis.run('lookup', async (client) => {
      const [stored, ...versions] = await Promise.all([
        client.getBuffer(key),
        ...types.map((type) => client.get(versionKey(type))),
      ]);
      return { stored, versions };
    });

  /** A type without a version gets one: the first time ever, and after Redis has lost it. */
  const begin = (types: readonly string[]) =>
    redis.run('begin', (client) =>
      Promise.all(types.map((type) => client.set(versionKey(type), randomUUID(), 'EX', VERSION_SECONDS, 'NX'))),
    );

  const lookup: ResponseCache['lookup'] = async (key, policy, { refresh }) => {
    // A write that Redis has not heard of: what is stored may be from before it.
    if (untold.size > 0) return { result: 'BYPASS' };
    const name = answerKey(key);
    let found = await read(name, policy.types);
    if (found?.versions.includes(null) === true) {
      await begin(policy.types);
      found = await read(name, policy.types);
    }
    if (found === undefined || found.versions.includes(null) || untold.size > 0) return { result: 'BYPASS' };
    const versions = found.versions.join(' ');
    const answer = refresh || found.stored === null ? undefined : decode(found.stored, versions);
    if (answer !== undefined) return { result: 'HIT', answer };
    const store = async (body: Buffer) => {
      await redis.run('store', (client) => client.set(name, encode(body, versions), 'EX', policy.maxAgeSeconds));
    };
    return { result: 'MISS', store };
  };

  return {
    async lookup(key, policy, options) {
      const found = await lookup(key, policy, options);
      metrics.cacheResults.inc({ result: found.result });
      return found;
    },
    invalidate: tell,
    async close() {
      clearTimeout(retry);
      await redis.close();
    },
  };
}

/** JSON with the keys of each object in order, so that equal variables are equal texts. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`)
    .join(',')}}`;
}

// A stored answer: when it was stored and its versions on one line, then the body.
function encode(body: Buffer, versions: string): Buffer {
  return Buffer.concat([Buffer.from(`${Date.now()} ${versions}\n`, 'latin1'), body]);
}

function decode(stored: Buffer, versions: string): StoredAnswer | undefined {
  const end = stored.indexOf(10);
  const line = stored.toString('latin1', 0, end);
  const space = line.indexOf(' ');
  if (end < 0 || line.slice(space + 1) !== versions) return undefined;
  const ageSeconds = Math.max(0, Math.floor((Date.now() - Number(line.slice(0, space))) / 1_000));
  return { body: stored.subarray(end + 1), ageSeconds };
}
