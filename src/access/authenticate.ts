import { hash } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions, type JWTVerifyGetKey } from 'jose';
import { LRUCache } from 'lru-cache';
import type { TokenConfig } from '../config.ts';
import { codeOf } from '../errors.ts';
import { PUBLIC_KEY_ALGORITHMS, SECRET_ALGORITHMS } from '../setting-auth.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { API_KEY_PREFIX } from './api-key.ts';
import { isKnownNow, type Caller } from './caller.ts';
import { createKeySet, type KeySet, type KeySetOptions } from './key-set.ts';
import { createScopeWarning } from './refusal-log.ts';
import { refusalOf, type VerifiedBy } from './refusal-of.ts';
import { callerOf, type AgentIdOf } from './token-caller.ts';
import { MAX_TOKEN_CHARACTERS, TokenRefused } from './token-refused.ts';

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

export interface TokenCallers {
  /** Rejects with TokenRefused, or with SERVICE_UNAVAILABLE while the issuer's keys cannot be fetched. */
  readonly authenticate: Authenticate;
  /** Whether the issuer's keys are there; undefined if they are not fetched. */
  readonly issuerState: KeySet['state'] | undefined;
}

export interface AuthenticateOptions extends Omit<KeySetOptions, 'metrics' | 'now'> {
  readonly metrics: Pick<Metrics, 'keySetFetches' | 'previousSecretTokens' | 'tokenVerifications'>;
  /** For the claim `owner`. */
  readonly agentIdOf: AgentIdOf;
  /** Milliseconds that only increase. */
  readonly now?: () => number;
}

/**
 * Creates the function that finds the caller of a bearer token (a JWT). Verified tokens are kept for a while, so that most requests
 * cost no cryptography.
 */
export function createAuthenticate(
  config: TokenConfig,
  { now = () => performance.now(), agentIdOf, ...options }: AuthenticateOptions,
): TokenCallers {
  const kept = new LRUCache<string, Caller | KeptRefusal>({ max: MAX_KEPT });
  const { verify, issuerState } = createVerify(config, { now, ...options });
  const warnOfScopes = createScopeWarning(options.log);
  const authenticate: Authenticate = async (token, inTurn = (work) => work()) => {
    // Where they are accepted, they do not come here.
    if (token.startsWith(API_KEY_PREFIX)) throw new TokenRefused('keysOff');
    if (token.length > MAX_TOKEN_CHARACTERS) throw new TokenRefused('long');
    const key = hash('sha256', token, 'base64');
    const before = kept.get(key);
    if (before !== undefined && isStillKnown(before, now())) {
      if ('reason' in before) throw new TokenRefused(before.reason, before);
      return before;
    }
    try {
      const payload = await verify(token, inTurn);
      const found = callerOf(payload, { ...config, agentIdOf });
      if (found.scopes.length === 0) warnOfScopes(payload);
      const caller = Object.freeze({ ...found, knownUntilMs: now() + KEPT_MS });
      kept.set(key, caller);
      return caller;
    } catch (error) {
      if (error instanceof TokenRefused && isLasting(error)) kept.set(key, keptRefusal(error, now() + KEPT_MS));
      throw error;
    }
  };
  return { authenticate, issuerState };
}

/** Why a token with a right signature is refused. */
interface KeptRefusal extends Pick<TokenRefused, 'reason' | 'details'> {
  readonly knownUntilMs: number;
}

const isStillKnown = (before: Caller | KeptRefusal, nowMs: number): boolean =>
  'reason' in before ? before.knownUntilMs > nowMs : isKnownNow(before, nowMs);

/** Whether it stays refused: its signature is right, and what is wrong with it does not pass with time. */
const isLasting = ({ isGuess, reason }: TokenRefused): boolean => !isGuess && reason !== 'early';

/** Without what refers to the token, which may be 16 times as long as all the rest. */
function keptRefusal({ reason, details }: TokenRefused, knownUntilMs: number): KeptRefusal {
  const told = details?.();
  return { reason, knownUntilMs, details: told && (() => told) };
}

/** The algorithm follows from the kind of the key, never from the token alone: a public key must not serve as a secret. */
function createVerify(config: TokenConfig, options: KeySetOptions & Pick<AuthenticateOptions, 'metrics'>) {
  const { issuer, audience, clockSkewSeconds } = config;
  const { algorithms, verify, hasKey, fetchingSince, issuerState } = verifierOf(config, options);
  const rule = {
    requiredClaims: ['exp'],
    clockTolerance: clockSkewSeconds,
    algorithms: [...algorithms],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
  /** Does not reject, so that what a turn is refused with cannot pass for what is wrong with the token. */
  const attempt = async (token: string): Promise<{ readonly payload: JWTPayload } | { readonly cause: unknown }> => {
    try {
      return await verify(token, rule);
    } catch (cause) {
      return { cause };
    }
  };
  const verifyToken = async (token: string, inTurn: InTurn): Promise<JWTPayload> => {
    let outcome = await inTurn(() => {
      options.metrics.tokenVerifications.inc();
      return attempt(token);
    });
    const fetching = 'cause' in outcome ? fetchingSince?.(outcome.cause) : undefined;
    if (fetching !== undefined) {
      // Others have their turns while the issuer is asked, which may not answer.
      await fetching;
      outcome = await inTurn(() => attempt(token));
    }
    if (!('cause' in outcome)) return outcome.payload;
    const { cause } = outcome;
    if (codeOf(cause) !== undefined) throw cause;
    throw refusalOf(cause, token, { issuer, audience, algorithms, hasKey });
  };
  return { verify: verifyToken, issuerState };
}

interface Verifier extends Pick<VerifiedBy, 'algorithms' | 'hasKey'>, Pick<TokenCallers, 'issuerState'> {
  /** Undefined where keys are not fetched. */
  readonly fetchingSince: KeySet['fetchingSince'] | undefined;
  readonly verify: (token: string, rule: JWTVerifyOptions) => Promise<{ readonly payload: JWTPayload }>;
}

function verifierOf(
  { secret, previousSecret, publicKey, jwksUrl }: TokenConfig,
  options: KeySetOptions & Pick<AuthenticateOptions, 'metrics'>,
): Verifier {
  if (jwksUrl !== undefined) {
    const { find, fetchingSince, hasKey, state: issuerState } = createKeySet(jwksUrl, options);
    const verify: Verifier['verify'] = (token, rule) => verifyByAny(token, find, rule);
    return { algorithms: PUBLIC_KEY_ALGORITHMS, hasKey, fetchingSince, issuerState, verify };
  }
  const [key, algorithms] =
    publicKey === undefined ? [secret, SECRET_ALGORITHMS] : [publicKey.key, publicKey.algorithms];
  if (key === undefined) throw new TypeError('no key to verify tokens with');
  return {
    algorithms,
    hasKey: undefined,
    fetchingSince: undefined,
    issuerState: undefined,
    verify: async (token, rule) => {
      try {
        return await jwtVerify(token, key, rule);
      } catch (error) {
        if (previousSecret === undefined || !(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
        const verified = await jwtVerify(token, previousSecret, rule);
        options.metrics.previousSecretTokens.inc();
        return verified;
      }
    },
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
