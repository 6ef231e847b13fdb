import { hash } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions, type JWTVerifyGetKey } from 'jose';
import { LRUCache } from 'lru-cache';
import type { TokenConfig } from '../config.ts';
import { codeOf } from '../errors.ts';
import { PUBLIC_KEY_ALGORITHMS } from '../setting-auth.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { API_KEY_PREFIX } from './api-key.ts';
import { isKnownNow, type Caller } from './caller.ts';
import { createKeySet, type KeySetOptions } from './key-set.ts';
import { callerOf, type AgentIdOf } from './token-caller.ts';
import { MAX_TOKEN_CHARACTERS, TokenRefused, type Refusal } from './token-refused.ts';

/** Callers that are kept by their tokens. Each takes about half a kilobyte. */
const MAX_KEPT = 10_000;
/** After this, a token is verified again, in case the issuer has withdrawn its key. */
const KEPT_MS = 5 * 60_000;

/** Does something, perhaps later. */
export type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>;

/**
 * Finds the caller of a token.
 * @param inTurn does the work for a token that was not valid a moment ago
 */
export type Authenticate = (token: string, inTurn?: InTurn) => Promise<Caller>;

export interface AuthenticateOptions extends Omit<KeySetOptions, 'metrics' | 'now'> {
  readonly metrics: Pick<Metrics, 'keySetFetches' | 'tokenVerifications'>;
  /** For the claim `owner`. */
  readonly agentIdOf: AgentIdOf;
  /** Milliseconds that only increase. */
  readonly now?: () => number;
}

/**
 * Creates the function that finds the caller of a bearer token (a JWT). Verified tokens are kept for a while, so that most requests
 * cost no cryptography.
 * @returns a function that rejects with TokenRefused, or with SERVICE_UNAVAILABLE while the issuer's keys cannot be fetched
 */
export function createAuthenticate(
  config: TokenConfig,
  { now = () => performance.now(), agentIdOf, ...options }: AuthenticateOptions,
): Authenticate {
  const kept = new LRUCache<string, Caller>({ max: MAX_KEPT });
  const verify = createVerify(config, { now, ...options });
  return async (token, inTurn = (work) => work()) => {
    // Where they are accepted, they do not come here.
    if (token.startsWith(API_KEY_PREFIX)) throw new TokenRefused('keysOff');
    if (token.length > MAX_TOKEN_CHARACTERS) throw new TokenRefused('long');
    const key = hash('sha256', token, 'base64');
    const before = kept.get(key);
    if (before !== undefined && isKnownNow(before, now())) return before;
    const payload = await inTurn(() => {
      options.metrics.tokenVerifications.inc();
      return verify(token);
    });
    const { clockSkewSeconds } = config;
    const found = callerOf(payload, { clockSkewSeconds, agentIdOf });
    const caller = Object.freeze({ ...found, knownUntilMs: now() + KEPT_MS });
    kept.set(key, caller);
    return caller;
  };
}

/** The algorithm follows from the kind of the key, never from the token alone: a public key must not serve as a secret. */
function createVerify(config: TokenConfig, options: KeySetOptions): (token: string) => Promise<JWTPayload> {
  const { secret, publicKey, jwksUrl, issuer, audience, clockSkewSeconds } = config;
  const claims = {
    requiredClaims: ['exp'],
    clockTolerance: clockSkewSeconds,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
  const rules = (algorithms: readonly string[]) => ({ ...claims, algorithms: [...algorithms] });
  const verifyBy = (): ((token: string) => Promise<{ readonly payload: JWTPayload }>) => {
    if (jwksUrl !== undefined) {
      const [keys, rule] = [createKeySet(jwksUrl, options), rules(PUBLIC_KEY_ALGORITHMS)];
      return (token) => verifyByAny(token, keys, rule);
    }
    if (publicKey !== undefined) {
      const rule = rules(publicKey.algorithms);
      return (token) => jwtVerify(token, publicKey.key, rule);
    }
    if (secret === undefined) throw new TypeError('no key to verify tokens with');
    const rule = rules(['HS256', 'HS384', 'HS512']);
    return (token) => jwtVerify(token, secret, rule);
  };
  const verify = verifyBy();
  return async (token) => {
    try {
      return (await verify(token)).payload;
    } catch (cause) {
      if (codeOf(cause) !== undefined) throw cause;
      throw new TokenRefused(refusalOf(cause), { cause });
    }
  };
}

/** Keys that are tried for a token that names none: an issuer that changes its key publishes two for a while. */
const MAX_TRIED = 4;

/** Verifies a token by the key that it names, or else by whichever of a few keys fits. */
async function verifyByAny(token: string, keys: JWTVerifyGetKey, rule: JWTVerifyOptions) {
  try {
    return await jwtVerify(token, keys, rule);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let tried = 0;
    for await (const key of error) {
      if ((tried += 1) > MAX_TRIED) break;
      try {
        return await jwtVerify(token, key, rule);
      } catch (failed) {
        if (!(failed instanceof errors.JWSSignatureVerificationFailed)) throw failed;
      }
    }
    throw error;
  }
}

const REFUSAL_OF_CLAIM: Readonly<Record<string, Refusal>> = { nbf: 'early', iss: 'issuer', aud: 'audience' };

function refusalOf(error: unknown): Refusal {
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
