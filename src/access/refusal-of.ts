import { decodeProtectedHeader, errors } from 'jose';
import type { TokenConfig } from '../config.ts';
import { PUBLIC_KEY_ALGORITHMS, SECRET_ALGORITHMS } from '../setting-auth.ts';
import { TokenRefused, type Refusal, type RefusalDetails } from './token-refused.ts';

/** What tokens are verified by. */
export interface VerifiedBy extends Pick<TokenConfig, 'issuer' | 'audience'> {
  readonly algorithms: readonly string[];
  /** Whether a key with this id is among the issuer's; undefined where there is one key alone, whose id does not matter. */
  readonly hasKey: ((kid: string) => boolean) | undefined;
}

/** The refusal of a token that jose does not accept, with what its operator should know. */
export function refusalOf(cause: unknown, token: string, by: VerifiedBy): TokenRefused {
  const reason = reasonOf(cause);
  return new TokenRefused(reason, { cause, details: () => detailsOf(reason, cause, { token, by }) });
}

const REFUSAL_OF_CLAIM: Readonly<Record<string, Refusal>> = { nbf: 'early', iss: 'issuer', aud: 'audience' };

function reasonOf(error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    // "invalid" is of the wrong type, and an empty issuer or audience is another one.
    if (error.claim === 'exp') return 'exp';
    const isMalformed = error.reason === 'invalid';
    return (isMalformed ? undefined : REFUSAL_OF_CLAIM[error.claim]) ?? 'claims';
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm';
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return 'malformed';
  // Besides a wrong signature: no key of the set fits, or a key that cannot be used at all.
  return 'signature';
}

/** Computed only when it is logged. */
function detailsOf(
  reason: Refusal,
  error: unknown,
  { token, by }: { readonly token: string; readonly by: VerifiedBy },
): RefusalDetails {
  if (error instanceof errors.JWTClaimValidationFailed) {
    // The signature was right: it is the issuer who says so.
    const { sub, iss, aud } = error.payload;
    if (reason === 'issuer') return { expected: cut(by.issuer), got: cut(iss, sub) };
    if (reason === 'audience') return { expected: cut(by.audience), got: cut(aud, sub) };
  }
  return reason === 'signature' || reason === 'algorithm' ? headerDetails(token, by) : {};
}

const MAX_SHOWN = 100;

/** A claim, cut. Whoever issues tokens to themselves is their own issuer, and no subject gets into the log. */
function cut(value: unknown, subject?: unknown): string {
  if (value === undefined) return 'none';
  if (subject !== undefined && [value].flat().includes(subject)) return 'the same as the claim "sub"';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // An email address, also one in a URL.
  if (/@|%40/i.test(text)) return 'a text with an at sign';
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

const NAMED_ALGORITHMS: ReadonlySet<unknown> = new Set([...PUBLIC_KEY_ALGORITHMS, ...SECRET_ALGORITHMS, 'none']);

/** Anybody can write anything into a header, so only what is known by name is told of it. */
function headerDetails(token: string, { algorithms, hasKey }: VerifiedBy): RefusalDetails {
  const { alg, kid } = decodeProtectedHeader(token);
  const isNamed = alg !== undefined && NAMED_ALGORITHMS.has(alg);
  const keyId = typeof kid !== 'string' ? 'none' : hasKey?.(kid) === true ? 'of a known key' : 'of no known key';
  return {
    expected: algorithms.join(', '),
    got: isNamed ? alg : 'another algorithm',
    ...(hasKey !== undefined && { keyId }),
  };
}
