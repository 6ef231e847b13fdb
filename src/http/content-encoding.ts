import type { AcceptedEncoding } from '../compression.ts';
import { ENCODINGS, type Encoding } from '../representation.ts';
import { weightsOf } from './media-types.ts';

// Less than any weight that a header can give: what is not mentioned comes last, but is accepted.
const UNMENTIONED = 0.000_1;

/**
 * The encoding that the caller weights most in `Accept-Encoding` (RFC 9110, 12.5.3). One that accepts none of ours, not even
 * `identity`, gets that, as the RFC recommends.
 */
export function preferredEncoding(accept: string | undefined): Encoding {
  if (!accept) return 'identity';
  const weights = weightsOf(accept);
  const weightOf = (encoding: Encoding): number =>
    weights.get(encoding) ?? weights.get('*') ?? (encoding === 'identity' ? UNMENTIONED : 0);
  const best = ENCODINGS.reduce((first, other) => (weightOf(other) > weightOf(first) ? other : first));
  return weightOf(best) > 0 ? best : 'identity';
}

const ANY: AcceptedEncoding = { preferred: 'identity', takesIdentity: true };

/** What a caller accepts besides the encoding that it prefers. */
export function acceptedEncoding(accept: string | undefined): AcceptedEncoding {
  if (!accept) return ANY;
  const weights = weightsOf(accept);
  return { preferred: preferredEncoding(accept), takesIdentity: (weights.get('identity') ?? weights.get('*')) !== 0 };
}
