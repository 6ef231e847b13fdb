import { ENCODINGS, type Encoding, type Representation } from '../representation.ts';
import type { LogPosition } from './known-entries.ts';

/** What decides whether a response may be used: see `InvalidationLog.staleness`. */
export interface PlacedResponse {
  /** Where the invalidation log ended before the response was computed. */
  readonly position: LogPosition;
  /** Everything that it shows. Split only when it is called: a response may have hundreds. */
  readonly tags: () => readonly string[];
}

/** A response as it is kept in Redis. */
export interface StoredResponse extends PlacedResponse {
  /** When it was computed, in milliseconds since 1970. */
  readonly computedAtMs: number;
  /** How long it is used from then on without being refreshed. */
  readonly lifetimeMs: number;
  /** At least that without encoding. */
  readonly representations: readonly Representation[];
}

/** To be part of the keys of stored responses, so that no gateway misreads those of another version. Changes with the format. */
export const STORED_FORMAT = 'time lifetime position (encoding etag length)* - tag*';

/** Ends the representations in the head. No encoding has this name. */
const END = '-';
/** More than all of a head but its tags. */
const HEAD_BYTES = 330;

/** These first bytes tell stored responses apart: they have the time, lifetime and position, and the first ETag or most of it. */
export const IDENTITY_BYTES = 64;

/** Encodes a response: everything but the bytes in one line, then the bytes of all representations. */
export function encodeStored(response: StoredResponse): Buffer {
  const { computedAtMs, lifetimeMs, position, representations } = response;
  const about = representations.flatMap(({ encoding, etag, bytes }) => [encoding, etag, bytes.length]);
  const head = [computedAtMs, lifetimeMs, position, ...about, END, ...response.tags()].join(' ');
  return Buffer.concat([Buffer.from(`${head}\n`), ...representations.map(({ bytes }) => bytes)]);
}

/** Undefined for bytes that are not a whole response. The representations share the memory of `stored`. */
export function decodeStored(stored: Buffer): StoredResponse | undefined {
  const end = stored.indexOf(10);
  if (end < 0) return undefined;
  const words = stored.toString('latin1', 0, Math.min(end, HEAD_BYTES)).split(' ');
  const [time, lifetime, position = '', ...rest] = words;
  const representations: Representation[] = [];
  let start = end + 1;
  for (let i = 0; rest[i] !== END; i += 3) {
    const [encoding, etag, length] = rest.slice(i, i + 3);
    if (!isEncoding(encoding) || etag === undefined || !(Number(length) >= 0)) return undefined;
    const bytes = stored.subarray(start, (start += Number(length)));
    representations.push({ encoding, bytes, etag });
  }
  if (start !== stored.length || representations.length === 0) return undefined;
  const tags = () =>
    stored
      .toString('latin1', 0, end)
      .split(' ')
      .slice(4 + 3 * representations.length);
  return { computedAtMs: Number(time), lifetimeMs: Number(lifetime), position, tags, representations };
}

const isEncoding = (word: string | undefined): word is Encoding => ENCODINGS.some((encoding) => encoding === word);
