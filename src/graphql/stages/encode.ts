import type { CompressResponse } from '../../compression.ts';
import type { Operation } from '../operation.ts';
import type { GraphQLResponse } from './serialise.ts';

/** Compresses a response that does not come compressed from the cache, if its client accepts that. */
export async function encode(
  operation: Operation,
  response: GraphQLResponse,
  compress: CompressResponse,
): Promise<GraphQLResponse> {
  const { body, representation } = response;
  if (representation !== undefined && representation.encoding !== 'identity') return response;
  const etag = representation?.etag;
  const compressed = await compress({ bytes: body, etag }, { accepted: operation.accepted, signal: operation.signal });
  if (compressed === undefined) return response;
  return { ...response, representation: etag === undefined ? { ...compressed, etag: undefined } : compressed };
}
