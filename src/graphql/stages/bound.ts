import type { GraphQLError } from 'graphql';
import { graphqlError } from '../coded-errors.ts';
import { isSubscription, type Operation } from '../operation.ts';
import { requestBytes } from '../prepare.ts';
import { serialise, type GraphQLResponse } from './serialise.ts';

/**
 * How many bytes the document and the variables of a subscription may take. It holds them as long as it is open, even if
 * they are not kept for others any more.
 */
const MAX_SUBSCRIPTION_BYTES = 64 * 1024;

/**
 * The refusal of an operation that exceeds limits, with one error (QUERY_TOO_COMPLEX) for each; else undefined. Checked before the
 * cache, which a gateway with higher limits may have filled.
 */
export function bound(operation: Operation): GraphQLResponse | undefined {
  const { refusals } = operation.measured;
  const errors = isSubscription(operation) ? [...refusals, ...heldRefusals(operation)] : refusals;
  return errors.length > 0 ? serialise({ errors }) : undefined;
}

function heldRefusals(operation: Operation): readonly GraphQLError[] {
  const bytes = operation.document.entry.bytes + requestBytes(operation);
  if (bytes <= MAX_SUBSCRIPTION_BYTES) return [];
  const limit = `Expected a subscription whose document and variables take at most ${MAX_SUBSCRIPTION_BYTES} bytes of memory`;
  return [graphqlError('QUERY_TOO_COMPLEX', `${limit}, got one that takes ${bytes}.`)];
}
