import type { CachePolicy, ResponseCache } from '../../cache/response-cache.ts';
import { isQuery, type Operation } from '../operation.ts';
import type { GraphQLResponse } from './serialise.ts';

// Larger responses would block other commands on the connection for longer than a request may wait for Redis.
const MAX_STORED_BYTES = 1_000_000;

/**
 * Responds to a query with a cached response, if there is a fresh one, or else with a new one, which it stores.
 * @param cache undefined when responses are not cached
 * @returns a function whose `respond` makes the new one, and collects the tags of everything that it reads
 */
export function createSharedCache(cache: ResponseCache | undefined) {
  return async (
    operation: Operation,
    respond: (tags: Set<string>) => Promise<GraphQLResponse>,
  ): Promise<GraphQLResponse> => {
    const policy = policyOf(operation);
    if (cache === undefined || policy === undefined) return respond(new Set());
    const { refresh } = operation;
    const key = { request: operation.hash(), access: operation.caller.accessKey };
    const found = await cache.lookup(key, policy, { refresh });
    if (found.result === 'HIT') {
      const { body, ageSeconds } = found.response;
      const freshSeconds = Math.max(0, policy.maxAgeSeconds - ageSeconds);
      const headers = { 'x-cache': 'HIT', age: String(ageSeconds), 'cache-control': maxAge(freshSeconds), ...VARY };
      return { body, status: 200, headers, hasErrors: false };
    }
    const tags = new Set<string>();
    const response = await respond(tags);
    if (response.hasErrors) return response;
    const { body } = response;
    // Not awaited: later look-ups come after it on the same connection.
    if (found.result === 'MISS' && body.length <= MAX_STORED_BYTES) void found.store({ body, tags });
    const result = refresh ? 'BYPASS' : found.result;
    return { ...response, headers: { 'x-cache': result, 'cache-control': maxAge(policy.maxAgeSeconds), ...VARY } };
  };
}

/** Undefined for what is never stored: anything but a query, and a query with a field that forbids it. */
function policyOf(operation: Operation): CachePolicy | undefined {
  const { maxAgeSeconds, isPrivate } = operation.document.metadata;
  return isQuery(operation) && maxAgeSeconds > 0 && !isPrivate ? { maxAgeSeconds } : undefined;
}

// `private`: a response depends on the caller, whom caches on the way do not know.
const maxAge = (seconds: number): string => `private, max-age=${seconds}`;
// A browser must not use its cached response for a request that asks for the cost.
const VARY = { vary: 'Accept, graphql-cost' };
