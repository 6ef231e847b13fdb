import type { Near } from '../../cache/near.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { isReported, type RequestOrigin } from '../operation.ts';
import type { RequestText } from '../prepare.ts';
import { cachedHeaders, type GraphQLResponse } from './serialise.ts';

/** A longer request would take more memory than most responses. */
const LONGEST_KEPT = 20_000;

export interface NearStageOptions {
  readonly near: Near;
  /** From how many bytes on responses are compressed. */
  readonly compressionMinBytes: number;
  readonly metrics: Pick<Metrics, 'cacheResults' | 'nearHits'>;
}

export type NearStage = ReturnType<typeof createNearStage>;

/**
 * Answers requests from the memory of this gateway, before any of them is parsed: what was found in Redis for the same text, access
 * and encoding. Whatever is checked of a request depends on these alone, so that it need not be checked again.
 */
export function createNearStage({ near, compressionMinBytes, metrics }: NearStageOptions) {
  const results = metrics.cacheResults.labels('HIT');
  return {
    find(request: RequestText, origin: RequestOrigin): GraphQLResponse | undefined {
      const key = keyOf(request, origin);
      const found = key === undefined ? undefined : near.find(key);
      if (found === undefined) return undefined;
      results.inc();
      metrics.nearHits.inc();
      const { representation, ageSeconds, maxAgeSeconds } = found;
      const headers = { age: String(ageSeconds), ...cachedHeaders('HIT', maxAgeSeconds) };
      // Only an event stream is made of the body, and that is never encoded.
      return { ...FOUND, body: representation.bytes, representation, headers };
    },
    keep(request: RequestText, origin: RequestOrigin, { hit, representation }: Kept): void {
      if (hit === undefined || representation?.etag === undefined) return;
      const { etag, encoding, bytes } = representation;
      // One that is sent as it is because others were being compressed would be sent so for its whole lifetime.
      if (encoding !== origin.accepted.preferred && bytes.length >= compressionMinBytes) return;
      const key = keyOf(request, origin);
      if (key === undefined) return;
      near.keep(key, hit.response, { representation: { etag, encoding, bytes }, maxAgeSeconds: hit.maxAgeSeconds });
    },
  };
}

type Kept = Pick<GraphQLResponse, 'hit' | 'representation'>;

const FOUND = { status: 200, hasErrors: false, isUnavailable: false } as const;

/** Undefined for a request that asks for more than its response. */
function keyOf({ text }: RequestText, origin: RequestOrigin): string | undefined {
  const { refresh, noStore, onlyIfCached, maxAgeSeconds } = origin.cacheControl;
  if (refresh || noStore || onlyIfCached || maxAgeSeconds !== Number.POSITIVE_INFINITY) return undefined;
  if (isReported(origin) || text.length > LONGEST_KEPT) return undefined;
  const { preferred, takesIdentity } = origin.accepted;
  // The text of a GET begins with a question mark, and is never that of a POST. Nothing before it has a line break.
  return `${preferred} ${takesIdentity} ${origin.caller.accessKey}\n${text}`;
}
