import type { CachePolicy, ResponseCache } from '../../cache/response-cache.ts';
import type { CompressResponse } from '../../compression.ts';
import { createRepresentation, type Encoding, type Representation } from '../../representation.ts';
import { graphqlError } from '../coded-errors.ts';
import { isQuery, type Operation } from '../operation.ts';
import { serialise, type GraphQLResponse } from './serialise.ts';

// Larger responses would block other commands on the connection for longer than a request may wait for Redis.
const MAX_STORED_BYTES = 1_000_000;

interface SharedCacheOptions {
  /** Undefined when responses are not cached. */
  readonly cache: ResponseCache | undefined;
  readonly compress: CompressResponse;
}

/**
 * Responds to a query with a cached response, if there is a fresh one, or else with a new one, which it stores: also in the encoding
 * that its client prefers, so that it is compressed once for each.
 * @returns a function whose `respond` makes the new one, and collects the tags of everything that it reads
 */
export function createSharedCache({ cache, compress }: SharedCacheOptions) {
  /** Undefined if none is needed, or if the response changes before it is sent. */
  const compressed = async (operation: Operation, plain: Representation): Promise<Representation | undefined> =>
    operation.costMode === undefined ? compress(plain, operation) : undefined;
  return async (
    operation: Operation,
    respond: (tags: Set<string>) => Promise<GraphQLResponse>,
  ): Promise<GraphQLResponse> => {
    const policy = policyOf(operation);
    const { refresh, noStore, onlyIfCached } = operation.cacheControl;
    if (cache === undefined || policy === undefined) return onlyIfCached ? notCached() : respond(new Set());
    const key = { request: operation.hash(), access: operation.caller.accessKey };
    const lifetime = policy.maxAgeSeconds;
    const found = await cache.lookup(key, policy, operation.cacheControl);
    if (found.result === 'HIT') {
      const { representations, ageSeconds } = found.response;
      const headers = { age: String(ageSeconds), ...headersOf('HIT', lifetime - ageSeconds) };
      const stored = inEncoding(operation.accepted.preferred, representations);
      const plain = inEncoding('identity', representations);
      if (plain === undefined) throw new TypeError('expected a representation without encoding');
      const added = stored === undefined ? await compressed(operation, plain) : undefined;
      if (added !== undefined) void found.add(added);
      const representation = stored ?? added ?? plain;
      return { body: plain.bytes, representation, status: 200, headers, hasErrors: false };
    }
    if (onlyIfCached) return notCached();
    const tags = new Set<string>();
    const response = await respond(tags);
    if (response.hasErrors) return response;
    const { body } = response;
    const isStorable = found.result === 'MISS' && !noStore && body.length <= MAX_STORED_BYTES;
    const headers = headersOf(isStorable && !refresh ? 'MISS' : 'BYPASS', lifetime);
    if (body.length > MAX_STORED_BYTES) return { ...response, headers };
    const computedAtMs = Date.now();
    const plain = createRepresentation('identity', body);
    if (!isStorable) return { ...response, representation: plain, headers };
    const added = await compressed(operation, plain);
    const representations = added === undefined ? [plain] : [plain, added];
    // Not awaited: later look-ups come after it on the same connection.
    void found.store({ representations, computedAtMs, tags: () => [...tags] });
    return { ...response, representation: added ?? plain, headers };
  };
}

/** Undefined for what is never stored: anything but a query, and a query with a field that forbids it. */
function policyOf(operation: Operation): CachePolicy | undefined {
  const { maxAgeSeconds, isPrivate } = operation.document.metadata;
  return isQuery(operation) && maxAgeSeconds > 0 && !isPrivate ? { maxAgeSeconds } : undefined;
}

const inEncoding = (wanted: Encoding, all: readonly Representation[]): Representation | undefined =>
  all.find(({ encoding }) => encoding === wanted);

/** The refusal of a request that must not be executed, because it asks for a cached response alone (RFC 9111, 5.2.1.7). */
function notCached(): GraphQLResponse {
  const message = 'Expected a cached response (cache-control: only-if-cached), and there is none that may be used.';
  return { ...serialise({ errors: [graphqlError('TIMEOUT', message)] }), status: 504, isRefusal: true };
}

// `private`: a response depends on the caller, whom caches on the way do not know. `vary`: a browser must not use its cached
// response for a request that asks for the cost.
const headersOf = (result: 'HIT' | 'MISS' | 'BYPASS', freshSeconds: number) => ({
  'x-cache': result,
  'cache-control': `private, max-age=${Math.max(0, freshSeconds)}`,
  vary: 'Accept, Accept-Encoding, graphql-cost',
});
