import type { Operation } from '../operation.ts';
import { serialise, type GraphQLResponse } from './serialise.ts';

/**
 * The refusal of an operation that exceeds limits, with one error (QUERY_TOO_COMPLEX) for each; else undefined. Checked before the
 * cache, which a gateway with higher limits may have filled.
 */
export function bound(operation: Operation): GraphQLResponse | undefined {
  const { refusals } = operation.measured;
  return refusals.length > 0 ? serialise({ errors: refusals }) : undefined;
}
