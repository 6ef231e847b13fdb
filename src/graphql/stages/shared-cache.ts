import type { CachePolicy, Lookup, ResponseCache } from '../../cache/response-cache.ts';
import type { CompressResponse } from '../../compression.ts';
import { createRepresentation, type Encoding, type Representation } from '../../representation.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { cacheReport, keyOf, type NotStored } from '../cache-report.ts';
import { graphqlError } from '../coded-errors.ts';
import { isQuery, isReported, type Operation } from '../operation.ts';
import { serialise, type GraphQLResponse } from './serialise.ts';

// Larger responses would block other commands on the connection for longer than a request may wait for Redis.
const MAX_STORED_BYTES = 1_000_000;

interface SharedCacheOptions {
  /** Undefined when responses are not cached. */
  readonly cache: ResponseCache | undefined;
  readonly compress: CompressResponse;
  readonly metrics: Pick<Metrics, 'cacheMisses' | 'cacheNotStored'>;
}

/**
 * Responds to a query with a cached response, if there is a fresh one, or else with a new one, which it stores: also in the encoding
 * that its client prefers, so that it is compressed once for each.
 * @returns a function whose `respond` makes the new one, and collects the tags of everything that it reads
 */
export function createSharedCache({ cache, compress, metrics }: SharedCacheOptions) {
  /** Undefined if none is needed, or if the response changes before it is sent. */
  const compressed = async (operation: Operation, plain: Representation): Promise<Representation | undefined> =>
    isReported(operation) ? undefined : compress(plain, operation);
  /** The response to what is never looked up. */
  const uncached = async (operation: Operation, respond: Respond): Promise<GraphQLResponse> => {
    if (operation.cacheControl.onlyIfCached) return notCached();
    if (cache !== undefined && isQuery(operation)) metrics.cacheMisses.inc({ reason: 'refused' });
    const tags = new Set<string>();
    const response = await respond(tags);
    const notStored = policyOf(operation) === undefined ? 'refused' : 'redis';
    return { ...response, cacheReport: cacheReport(operation, { cache, notStored, tags }) };
  };
  const hit = async (operation: Operation, found: Hit, lifetime: number): Promise<GraphQLResponse> => {
    const { representations, ageSeconds, tags } = found.response;
    const headers = { age: String(ageSeconds), ...headersOf('HIT', lifetime - ageSeconds) };
    const stored = inEncoding(operation.accepted.preferred, representations);
    const plain = inEncoding('identity', representations);
    if (plain === undefined) throw new TypeError('expected a representation without encoding');
    const added = stored === undefined ? await compressed(operation, plain) : undefined;
    if (added !== undefined) void found.add(added);
    const representation = stored ?? added ?? plain;
    const report = operation.reportsCache ? cacheReport(operation, { cache, found, tags: tags() }) : undefined;
    return { body: plain.bytes, representation, status: 200, headers, hasErrors: false, cacheReport: report };
  };

  return async (operation: Operation, respond: Respond): Promise<GraphQLResponse> => {
    const policy = policyOf(operation);
    if (cache === undefined || policy === undefined) return uncached(operation, respond);
    const found = await cache.lookup(keyOf(operation), policy, operation.cacheControl);
    if (found.result === 'HIT') return hit(operation, found, policy.maxAgeSeconds);
    const { refresh, onlyIfCached } = operation.cacheControl;
    if (onlyIfCached) return notCached();
    const tags = new Set<string>();
    const response = await respond(tags);
    const notStored = reasonNotToStore(operation, found, response);
    if (notStored !== undefined) metrics.cacheNotStored.inc({ reason: notStored });
    const report = cacheReport(operation, { cache, found, notStored, tags });
    if (response.hasErrors) return { ...response, cacheReport: report };
    const headers = headersOf(notStored === undefined && !refresh ? 'MISS' : 'BYPASS', policy.maxAgeSeconds);
    if (notStored === 'large') return { ...response, headers, cacheReport: report };
    const computedAtMs = Date.now();
    const plain = createRepresentation('identity', response.body);
    if (found.result === 'BYPASS' || notStored !== undefined)
      return { ...response, representation: plain, headers, cacheReport: report };
    const added = await compressed(operation, plain);
    const representations = added === undefined ? [plain] : [plain, added];
    // Not awaited: later look-ups come after it on the same connection.
    void found.store({ representations, computedAtMs, tags: () => [...tags] });
    return { ...response, representation: added ?? plain, headers, cacheReport: report };
  };
}

type Respond = (tags: Set<string>) => Promise<GraphQLResponse>;
type Hit = Extract<Lookup, { result: 'HIT' }>;

/** Undefined for a response that is stored. */
function reasonNotToStore(
  { cacheControl }: Operation,
  { result }: Lookup,
  { hasErrors, body }: GraphQLResponse,
): NotStored | undefined {
  if (hasErrors) return 'errors';
  if (body.length > MAX_STORED_BYTES) return 'large';
  if (cacheControl.noStore) return 'no-store';
  return result === 'MISS' ? undefined : 'redis';
}

/** Undefined for what is never stored: anything but a query, and a query with a field that forbids it. */
function policyOf(operation: Operation): CachePolicy | undefined {
  const { maxAgeSeconds, privateField } = operation.document.metadata;
  return isQuery(operation) && maxAgeSeconds > 0 && privateField === null ? { maxAgeSeconds } : undefined;
}

const inEncoding = (wanted: Encoding, all: readonly Representation[]): Representation | undefined =>
  all.find(({ encoding }) => encoding === wanted);

/** The refusal of a request that must not be executed, because it asks for a cached response alone (RFC 9111, 5.2.1.7). */
function notCached(): GraphQLResponse {
  const message = 'Expected a cached response (cache-control: only-if-cached), and there is none that may be used.';
  return { ...serialise({ errors: [graphqlError('TIMEOUT', message)] }), status: 504, isRefusal: true };
}

// `private`: a response depends on the caller, whom caches on the way do not know. `vary`: a browser must not use its cached
// response for somebody who signs in later, or for a request that asks for a report.
const headersOf = (result: 'HIT' | 'MISS' | 'BYPASS', freshSeconds: number) => ({
  'x-cache': result,
  'cache-control': `private, max-age=${Math.max(0, freshSeconds)}`,
  vary: 'Accept, Accept-Encoding, Authorization, graphql-cost, graphql-cache',
});
