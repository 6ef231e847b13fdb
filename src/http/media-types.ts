import { parse } from 'content-type';
import { LRUCache } from 'lru-cache';

export const JSON_TYPE = 'application/json';
export const RESPONSE_TYPE = 'application/graphql-response+json';

/** The media type of the response, by the request's `Accept`; undefined when the caller accepts neither. */
export function negotiate(accept: string | undefined): typeof JSON_TYPE | typeof RESPONSE_TYPE | undefined {
  if (!accept || accept === JSON_TYPE) return JSON_TYPE;
  const weights = weightsOf(accept);
  const any = weightOfAny(weights);
  const [json, response] = [weights.get(JSON_TYPE) ?? any, weights.get(RESPONSE_TYPE)];
  // A caller that does not name the newer type may not support it.
  if (response !== undefined && response > 0 && response >= json) return RESPONSE_TYPE;
  if (json > 0) return JSON_TYPE;
  return (response ?? any) > 0 ? RESPONSE_TYPE : undefined;
}

/** Whether the caller names HTML and prefers it to JSON. */
export function prefersPage(accept: string | undefined): boolean {
  if (!accept || accept === JSON_TYPE) return false;
  const weights = weightsOf(accept);
  return (weights.get('text/html') ?? 0) > jsonWeight(weights);
}

/**
 * Whether the caller accepts an event stream: not at all (`none`), besides JSON (`some`), or nothing else (`only`). A wildcard
 * does not count, since most callers that send one could not read a stream. urql lists all types even for queries.
 */
export function eventStreamSupport(accept: string | undefined): 'none' | 'some' | 'only' {
  if (!accept || accept === JSON_TYPE) return 'none';
  const weights = weightsOf(accept);
  if ((weights.get('text/event-stream') ?? 0) === 0) return 'none';
  return jsonWeight(weights) === 0 ? 'only' : 'some';
}

/** Whether a charset parameter allows UTF-8, the only one that is read or sent. */
export const isUtf8 = (charset: string | undefined): boolean => charset === undefined || /^utf-?8$/i.test(charset);

/** The weight (`q`) of each media range by its name, 0 for one that is refused. */
type Weights = ReadonlyMap<string, number>;

function jsonWeight(weights: Weights): number {
  const any = weightOfAny(weights);
  return Math.max(weights.get(JSON_TYPE) ?? any, weights.get(RESPONSE_TYPE) ?? any);
}

const weightOfAny = (weights: Weights): number => weights.get('application/*') ?? weights.get('*/*') ?? 0;

// Callers send few different headers, and parsing one takes a microsecond or more.
const parsed = new LRUCache<string, Weights>({ max: 200 });
const MAX_CACHED_CHARACTERS = 500;

/** The weight of each range in the header `Accept`, or another one of its form. */
export function weightsOf(accept: string): Weights {
  if (accept.length > MAX_CACHED_CHARACTERS) return parseAccept(accept);
  let weights = parsed.get(accept);
  if (weights === undefined) {
    weights = parseAccept(accept);
    parsed.set(accept, weights);
  }
  return weights;
}

/**
 * Parses the media ranges of an `Accept` header (RFC 9110, 12.5.1). The package `negotiator` puts them in an order of preference,
 * but breaks ties between equal weights, which the rules above need to see.
 */
function parseAccept(accept: string): Weights {
  const ranges: { readonly type: string; readonly weight: number; readonly precedence: number }[] = [];
  for (let start = 0; start < accept.length;) {
    const { type, parameters, index } = parse(accept, { comma: true, start });
    start = index + 1;
    const { q, charset, ...others } = parameters;
    if (!isUtf8(charset)) continue;
    const weight = Number.parseFloat(q ?? '');
    // The most specific range counts. One with parameters that our types do not have counts if there is no other.
    const precedence = Object.keys(others).length > 0 ? 0 : charset === undefined ? 1 : 2;
    ranges.push({ type, weight: weight >= 0 && weight <= 1 ? weight : 1, precedence });
  }
  ranges.sort((a, b) => a.precedence - b.precedence);
  return new Map(ranges.map(({ type, weight }) => [type, weight]));
}
