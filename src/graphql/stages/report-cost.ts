import type { Operation } from '../operation.ts';
import { serialise, type GraphQLResponse } from './serialise.ts';

/**
 * Adds the cost to a response under `extensions`, if the request asks for it. This comes last, so that stored answers do not
 * contain it and can be reported on too. Bodies are objects without `extensions` of their own.
 */
export function reportCost({ costMode, measured }: Operation, response: GraphQLResponse): GraphQLResponse {
  if (costMode === undefined) return response;
  const start = response.body.toString().slice(0, -1);
  const comma = start === '{' ? '' : ',';
  const body = Buffer.from(`${start}${comma}"extensions":${JSON.stringify({ cost: measured.cost })}}`);
  // The body differs from that of the same URL without the header, so no cache on the way may keep it.
  return { ...response, body, headers: { ...response.headers, 'cache-control': 'no-store' } };
}

/** The response to a request for the cost alone, which runs nothing; undefined for any other request. */
export const dryRun = ({ costMode }: Operation): GraphQLResponse | undefined =>
  costMode === 'validate' ? serialise({}) : undefined;
