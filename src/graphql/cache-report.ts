import { hash as sha256 } from 'node:crypto';
import type { Caller } from '../access/caller.ts';
import type { Lookup } from '../cache/lookups.ts';
import type { ResponseCache } from '../cache/response-cache.ts';
import { isQuery, type Operation } from './operation.ts';

/** Why a response did not come from the cache. */
export type MissReason = Exclude<Lookup, { result: 'HIT' | 'STALE' }>['reason'] | 'refused';

/** Why a response that was executed is not stored. */
export type NotStored = 'refused' | 'redis' | 'no-store' | 'errors' | 'large';

/** What the cache did for a request and why: `extensions.cache`. */
export interface CacheReport {
  /** In Redis. Null if none was looked up. */
  readonly key: string | null;
  readonly access: string;
  /** 0 for what is never stored. */
  readonly maxAgeSeconds: number;
  /** The field whose lifetime that is, such as `Query.customers`. */
  readonly maxAgeField: string | null;
  /** The first field with the scope PRIVATE. */
  readonly privateField: string | null;
  readonly result: Lookup['result'];
  /** Null for what is used, fresh or stale. */
  readonly reason: MissReason | null;
  /** For `invalidated`: the tag, `*` for all tags, or null if the log of writes does not reach back so far. For `redis`: what is wrong. */
  readonly because: string | null;
  /** What was found, fresh or not; null for nothing. */
  readonly stored: {
    readonly ageSeconds: number;
    /** By encoding. */
    readonly bytes: Readonly<Record<string, number>>;
    readonly isFresh: boolean;
  } | null;
  /** Null for what is stored, now or before. */
  readonly notStored: NotStored | null;
  /** A write with any of these invalidates the response. */
  readonly tags: readonly string[];
}

interface CacheFacts {
  readonly cache: ResponseCache | undefined;
  /** Undefined if nothing was looked up. */
  readonly found?: Lookup | undefined;
  readonly notStored?: NotStored | undefined;
  readonly tags: Iterable<string>;
}

const REFUSED = { reason: 'refused', because: null } as const;

/** The report on an operation's response; undefined if the request does not ask for it. */
export function cacheReport(operation: Operation, { cache, found, ...facts }: CacheFacts): CacheReport | undefined {
  if (!operation.reportsCache) return undefined;
  const { metadata } = operation.document;
  const stored = found !== undefined && 'response' in found ? found.response : undefined;
  const isHit = found?.result === 'HIT';
  const unused = found?.result === 'MISS' || found?.result === 'BYPASS' ? found : undefined;
  const neverLookedUp = cache === undefined ? ({ reason: 'redis', because: 'not used' } as const) : REFUSED;
  return {
    key: cache === undefined || found === undefined ? null : cache.nameOf(keyOf(operation)),
    access: keyOf(operation).access,
    maxAgeSeconds: isQuery(operation) ? metadata.maxAgeSeconds : 0,
    maxAgeField: metadata.maxAgeField,
    privateField: metadata.privateField,
    result: found?.result ?? 'BYPASS',
    reason: found === undefined ? neverLookedUp.reason : (unused?.reason ?? null),
    because: found === undefined ? neverLookedUp.because : (unused?.because ?? null),
    stored:
      stored === undefined
        ? null
        : {
            ageSeconds: stored.ageSeconds,
            bytes: Object.fromEntries(stored.representations.map(({ encoding, bytes }) => [encoding, bytes.length])),
            isFresh: isHit,
          },
    notStored: facts.notStored ?? null,
    tags: [...facts.tags].sort(),
  };
}

/** What identifies an operation's response in the cache. With a private field, it is kept by person. */
export const keyOf = (operation: Operation) => ({
  request: operation.hash(),
  access:
    operation.document.metadata.privateField === null ? operation.caller.accessKey : accessOfPerson(operation.caller),
});

const accessOfPerson = ({ accessKey, subject }: Caller): string =>
  `${accessKey}.${sha256('sha256', subject ?? '', 'base64url')}`;
