import { isReported, type Operation } from '../operation.ts';
import { serialise, type GraphQLResponse } from './serialise.ts';

/**
 * Adds the cost, and what the cache did, to a response under `extensions`, if the request asks for it. Comes after the cache, so that
 * cached responses do not contain them, and they can be added to those too. Bodies are objects without `extensions` of their own.
 */
export function report(operation: Operation, response: GraphQLResponse): GraphQLResponse {
  if (!isReported(operation)) return response;
  const extensions = {
    ...(operation.costMode === undefined ? {} : { cost: operation.measured.cost }),
    ...(response.cacheReport === undefined ? {} : { cache: response.cacheReport }),
  };
  const start = response.body.subarray(0, -1);
  const comma = start.length === 1 ? '' : ',';
  const body = Buffer.concat([start, Buffer.from(`${comma}"extensions":${JSON.stringify(extensions)}}`)]);
  // The same URL has another body without the request header, so caches on the way must not store this one.
  return {
    ...response,
    body,
    representation: undefined,
    headers: { ...response.headers, 'cache-control': 'no-store' },
  };
}

/** The response to a request for the cost alone, which runs nothing; undefined for any other request. */
export const costAlone = ({ costMode }: Operation): GraphQLResponse | undefined =>
  costMode === 'validate' ? serialise({}) : undefined;
