import type { CacheKey } from '../../cache/lookups.ts';
import type { ResponseCache } from '../../cache/response-cache.ts';
import type { Encoding } from '../../representation.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { isReported, type RequestOrigin } from '../operation.ts';
import type { RequestText } from '../prepare.ts';
import type { Again, AnsweredAgain, LookedUp, Repeatable } from '../repeatable.ts';
import { cachedHeaders, type GraphQLResponse } from './serialise.ts';

/** A longer request would take more memory than most responses. */
const LONGEST_KEPT = 20_000;

/** What another request costs its client. */
export interface Spending {
  /** Spends it, if that can be done at once. Returns whether it has. */
  spendAtOnce(client: string): boolean;
  giveBack(client: string): void;
}

export interface HitsOptions {
  readonly cache: Pick<ResponseCache, 'lookup' | 'near'>;
  readonly spending: Spending;
  /** From how many bytes on responses are compressed. */
  readonly compressionMinBytes: number;
  readonly metrics: Pick<Metrics, 'cacheResults' | 'nearHits'>;
}

export type Hits = ReturnType<typeof createHits>;

/** Where the response to a request is. */
interface Place {
  /** In memory. */
  readonly near: string;
  /** In Redis. */
  readonly stored: CacheKey;
  readonly encoding: Encoding;
  readonly maxAgeSeconds: number;
}

const ANY = { refresh: false, maxAgeSeconds: Number.POSITIVE_INFINITY } as const;

/**
 * Answers requests without parsing them: from the memory of this gateway, with what was found in Redis for the same text, access and
 * encoding; and those that are the same in everything from Redis, too. Whatever is checked of a request depends on these alone, so
 * that it need not be checked again.
 */
export function createHits({ cache, spending, compressionMinBytes, metrics }: HitsOptions) {
  const { near } = cache;
  const hits = metrics.cacheResults.labels('HIT');
  const countNear = (): void => {
    hits.inc();
    metrics.nearHits.inc();
  };
  const findStored = async (place: Place, ...[client, isFor]: Parameters<Again>): Promise<AnsweredAgain | LookedUp> => {
    const { encoding, maxAgeSeconds, stored } = place;
    const lookup = await cache.lookup(stored, { maxAgeSeconds }, ANY);
    const response = lookup.result === 'HIT' ? lookup.response : undefined;
    const representation = response?.representations.find((each) => each.encoding === encoding);
    if (response === undefined || representation === undefined || !isFor(representation)) {
      // The request is handled now, which costs the same again.
      spending.giveBack(client);
      return { lookup };
    }
    hits.inc();
    near?.keep(place.near, response, { representation, maxAgeSeconds, stored });
    return { representation, ageSeconds: response.ageSeconds };
  };
  const againAt =
    (place: Place): Again =>
    (client, isFor) => {
      const found = near?.find(place.near);
      if ((found !== undefined && !isFor(found.representation)) || !spending.spendAtOnce(client)) return undefined;
      if (found === undefined) return findStored(place, client, isFor);
      countNear();
      return found;
    };

  return {
    find(request: RequestText, origin: RequestOrigin): GraphQLResponse | undefined {
      const key = keyOf(request, origin, origin.caller.accessKey);
      const found = key === undefined ? undefined : near?.find(key);
      if (key === undefined || found === undefined) return undefined;
      countNear();
      const { representation, ageSeconds, maxAgeSeconds, stored } = found;
      const again = againAt({ near: key, stored, encoding: representation.encoding, maxAgeSeconds });
      const headers = { age: String(ageSeconds), ...cachedHeaders('HIT', maxAgeSeconds) };
      // Only an event stream is made of the body, and that is never encoded.
      return { ...FOUND, body: representation.bytes, representation, headers, repeatable: { representation, again } };
    },
    /** Keeps a response that was found in Redis. Returns how to answer the same request again; undefined if it must be looked at. */
    keep(request: RequestText, origin: RequestOrigin, { hit, representation }: Kept): Repeatable | undefined {
      if (hit === undefined || representation?.etag === undefined) return undefined;
      const { etag, encoding, bytes } = representation;
      // One that is sent as it is because others were being compressed would be sent so for its whole lifetime.
      if (encoding !== origin.accepted.preferred && bytes.length >= compressionMinBytes) return undefined;
      const key = keyOf(request, origin, hit.stored.access);
      if (key === undefined) return undefined;
      const { maxAgeSeconds, stored } = hit;
      const kept = { etag, encoding, bytes };
      near?.keep(key, hit.response, { representation: kept, maxAgeSeconds, stored });
      return { representation: kept, again: againAt({ near: key, stored, encoding, maxAgeSeconds }) };
    },
  };
}

type Kept = Pick<GraphQLResponse, 'hit' | 'representation'>;

const FOUND = { status: 200, hasErrors: false, isUnavailable: false } as const;

/**
 * Undefined for a request that asks for more than its response.
 * @param access for whom it is. That of a person is known once the request is parsed: so only known requests find such a response
 */
function keyOf({ text }: RequestText, origin: RequestOrigin, access: string): string | undefined {
  const { refresh, noStore, onlyIfCached, maxAgeSeconds } = origin.cacheControl;
  if (refresh || noStore || onlyIfCached || maxAgeSeconds !== Number.POSITIVE_INFINITY) return undefined;
  if (isReported(origin) || text.length > LONGEST_KEPT) return undefined;
  const { preferred, takesIdentity } = origin.accepted;
  // The text of a GET begins with a question mark, and is never that of a POST. Nothing before it has a line break.
  return `${preferred} ${takesIdentity} ${access}\n${text}`;
}
