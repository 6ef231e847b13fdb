import type { CacheControl } from '../graphql/operation.ts';

const NOTHING: CacheControl = {
  refresh: false,
  noStore: false,
  onlyIfCached: false,
  maxAgeSeconds: Number.POSITIVE_INFINITY,
};

/** An element of a list, whose strings may contain commas. A string that is not closed ends with the header. */
const ELEMENT = /(?:[^",]|"(?:[^"\\]|\\.)*"?)+/gs;

/**
 * What a request's `Cache-Control` asks for. Names are the same in upper and lower case, values may be quoted, and unknown
 * directives are ignored (RFC 9111, 5.2). A `max-age` that is no number counts as 0.
 */
export function parseCacheControl(header: string | undefined): CacheControl {
  if (header === undefined) return NOTHING;
  const given = new Map<string, string>();
  for (const [element] of header.matchAll(ELEMENT)) {
    const [name = '', value = ''] = splitAt(element, element.indexOf('='));
    given.set(name.trim().toLowerCase(), value.trim());
  }
  return {
    refresh: given.has('no-cache'),
    noStore: given.has('no-store'),
    onlyIfCached: given.has('only-if-cached'),
    maxAgeSeconds: seconds(given.get('max-age')),
  };
}

const splitAt = (text: string, at: number): readonly string[] =>
  at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];

function seconds(value: string | undefined): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  const digits = /^"?(\d+)"?$/.exec(value)?.[1];
  return digits === undefined ? 0 : Number(digits);
}
