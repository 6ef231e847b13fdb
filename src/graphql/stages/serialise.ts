import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Scope } from '../../access/caller.ts';
import { ERROR_CODES, type ErrorCode } from '../../errors.ts';
import { isGiven } from '../../given.ts';
import { noted } from '../../telemetry/stalls.ts';
import type { CachedResponse, CacheKey } from '../../cache/lookups.ts';
import type { Representation } from '../../representation.ts';
import { TURNS } from '../../turns.ts';
import type { CacheReport } from '../cache-report.ts';
import { Encoder } from '../encoder.ts';
import { workOf, type Operation } from '../operation.ts';
import type { Repeatable } from '../repeatable.ts';
import type { Answer } from './execute.ts';
import type { MaskError } from './mask.ts';

/** A response that is ready to be sent. */
export interface GraphQLResponse {
  /** If the request asks for it. */
  readonly cacheReport?: CacheReport | undefined;
  /** JSON in UTF-8. */
  readonly body: Buffer;
  /** For `application/graphql-response+json`. With `application/json`, 200 is sent instead, unless it is a refusal. */
  readonly status: number;
  /** Whether the request is refused by the rules of HTTP, so that the status is the same for every media type. */
  readonly isRefusal?: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** What the operation needs, if the caller lacks some of it. */
  readonly neededScopes?: readonly Scope[];
  /** Whether it has errors, so that it must not be stored. */
  readonly hasErrors: boolean;
  /**
   * What to send instead of the body: the same, perhaps compressed. There is no ETag for what nobody may store, or what is too large
   * to be stored.
   */
  readonly representation?: (Omit<Representation, 'etag'> & { readonly etag: string | undefined }) | undefined;
  /** What was found in Redis, if it may be kept in memory, where, and the lifetime of responses to this query. */
  readonly hit?:
    { readonly response: CachedResponse; readonly stored: CacheKey; readonly maxAgeSeconds: number } | undefined;
  /** If it was found in the cache, and depends on nothing but the request. */
  readonly repeatable?: Repeatable | undefined;
  /** The codes of its errors, each once; undefined without errors. */
  readonly errorCodes?: ReadonlySet<unknown>;
  /** Whether some of them say that the database cannot be reached, or took too long. */
  readonly isUnavailable: boolean;
}

/**
 * The headers of a response that may be stored. `private`: it depends on the caller, whom caches on the way do not know. `vary`: a
 * browser must not use its cached response for somebody who signs in later, or for a request that asks for a report.
 */
export const cachedHeaders = (result: 'HIT' | 'STALE' | 'MISS' | 'BYPASS', maxAgeSeconds: number) => ({
  'x-cache': result,
  'cache-control': `private, max-age=${maxAgeSeconds}`,
  vary: 'Accept, Accept-Encoding, Authorization, graphql-cost, graphql-cache',
});

const NOT_STORED = { 'x-cache': 'BYPASS', 'cache-control': 'no-store' };
/** What JSON.stringify encodes in one or two milliseconds. */
const SMALL_BYTES = 256 * 1024;

/** Encodes a small result as bytes, once; a string would be encoded twice, for the client and for Redis. */
export const serialise = (result: ExecutionResult): GraphQLResponse =>
  responseOf(result, Buffer.from(JSON.stringify(result)));

export interface SerialiseOptions {
  readonly maskError: MaskError;
  readonly limits: { readonly responseBytes: number };
}

/**
 * Creates the function that encodes masked results of any size: a large one in several turns of the event loop, and one that is
 * too large as an error. Never rejects.
 */
export function createSerialise({ maskError, limits: { responseBytes } }: SerialiseOptions) {
  return async (operation: Operation, { bytes, ...result }: Answer): Promise<GraphQLResponse> => {
    const work = workOf('serialise', operation);
    const isSmall =
      !isGiven(result.data) || (bytes !== undefined && bytes <= Math.min(SMALL_BYTES, responseBytes / MAX_BYTES));
    if (isSmall) return noted(work, () => serialise(result));
    const encoder = new Encoder(result, responseBytes);
    try {
      for (;;) {
        const body = noted(work, () => encoder.encode(TURNS));
        if (body !== undefined) return responseOf(result, body);
        // oxlint-disable-next-line eslint/no-await-in-loop -- one turn after the other
        await TURNS.next(operation.client);
        operation.signal.throwIfAborted();
      }
    } catch (error) {
      return serialise({ errors: [maskError(error)] });
    }
  };
}

/** Of a character: `\u0000` in JSON. */
const MAX_BYTES = 6;

export type Serialise = ReturnType<typeof createSerialise>;

function responseOf({ data, errors }: ExecutionResult, body: Buffer): GraphQLResponse {
  const hasErrors = errors !== undefined && errors.length > 0;
  const errorCodes = hasErrors ? new Set(errors.map(({ extensions }) => extensions['code'])) : undefined;
  const status = hasErrors && !isGiven(data) ? statusOf(errors) : 200;
  const isLimited = status === ERROR_CODES.RATE_LIMITED;
  const retryAfter = isLimited ? errors?.[0]?.extensions['retryAfter'] : UNAVAILABLE_SECONDS.get(status);
  return {
    body,
    status,
    isRefusal: isLimited,
    headers: typeof retryAfter === 'number' ? { ...NOT_STORED, 'retry-after': `${retryAfter}` } : NOT_STORED,
    hasErrors,
    ...(errorCodes && { errorCodes }),
    isUnavailable: errorCodes !== undefined && !errorCodes.isDisjointFrom(UNAVAILABLE),
  };
}

/** When to ask again, by status: what is missing may be back at any time. */
const UNAVAILABLE_SECONDS: ReadonlyMap<number, number> = new Map([[ERROR_CODES.SERVICE_UNAVAILABLE, 1]]);
const UNAVAILABLE: ReadonlySet<unknown> = new Set<ErrorCode>(['SERVICE_UNAVAILABLE', 'TIMEOUT']);

/** The HTTP status of a response that has these errors and no data. */
function statusOf(errors: readonly GraphQLError[]): number {
  const code = errors[0]?.extensions['code'];
  return typeof code === 'string' && code in ERROR_CODES ? ERROR_CODES[code as ErrorCode] : 500;
}
