import type { Operation } from '../operation.ts';
import { serialise, type GraphQLResponse } from './serialise.ts';

/**
 * Adds the cost to a response under `extensions`, if the request asks for it. This is the last stage, so that cached
 * responses do not contain the cost, and it can be added to them too. Bodies are objects without `extensions` of their own.
 */
export function reportCost({ costMode, measured }: Operation, response: GraphQLResponse): GraphQLResponse {
  if (costMode === undefined) return response;
  const start = response.body.subarray(0, -1);
  const comma = start.length === 1 ? '' : ',';
  const body = Buffer.concat([start, Buffer.from(`${comma}"extensions":${JSON.stringify({ cost: measured.cost })}}`)]);
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
