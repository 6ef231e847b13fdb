import { LRUCache } from 'lru-cache';
import { createError } from '../errors.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Authenticate, InTurn } from './authenticate.ts';
import { API_KEY_PREFIX, apiKeyHash, isApiKey } from './api-key.ts';
import { accessKeyOf, API_KEY_SUBJECT, scopesOf, type Caller } from './caller.ts';
import { TokenRefused, type Refusal } from './token-refused.ts';

/** An API key as it is stored. */
export interface StoredApiKey {
  readonly id: string;
  readonly name: string;
  /** Separated by spaces. */
  readonly scopes: string;
  /** The row id of the agent whose customers are the only ones that it may see; undefined for all. */
  readonly owner: string | undefined;
  readonly expiresAtMs: number;
  readonly isRevoked: boolean;
}

export interface ApiKeyOptions {
  /** Finds a key by its hash; rejects with SERVICE_UNAVAILABLE or TIMEOUT while the database does not answer. */
  readonly find: (hash: string) => Promise<StoredApiKey | undefined>;
  readonly metrics: Pick<Metrics, 'apiKeyLookups'>;
  /** Milliseconds that only increase. */
  readonly now?: () => number;
}

/** For how long a look-up is believed, so that a key is revoked everywhere within a second. */
const FRESH_MS = 1_000;
const MAX_KEPT = 10_000;

interface Lookup {
  readonly startedAt: number;
  readonly outcome: Promise<Caller | Refusal>;
  /** Whether it has found one. */
  isOfCaller: boolean;
}

/**
 * Creates the function that finds the caller of an API key. A key is looked up at most once a second, however many requests have it;
 * in between, a request costs one hash.
 * @returns a function that rejects with TokenRefused, or with SERVICE_UNAVAILABLE or TIMEOUT while the database does not answer: a
 *   key that may have been revoked is not accepted
 */
export function createApiKeyCallers({ find, metrics, now = () => performance.now() }: ApiKeyOptions): Authenticate {
  const lookups = new LRUCache<string, Lookup>({ max: MAX_KEPT });
  const lookUp = (hash: string): Lookup => {
    metrics.apiKeyLookups.inc();
    // Before the statement is sent: what it reads is at least as new.
    const startedAt = now();
    const again = { knownUntilMs: startedAt + FRESH_MS, find: () => findCaller(hash) };
    const lookup: Lookup = {
      startedAt,
      outcome: find(hash).then((stored) => callerOf(stored, again)),
      isOfCaller: false,
    };
    lookups.set(hash, lookup);
    lookup.outcome.then(
      (found) => (lookup.isOfCaller = typeof found !== 'string'),
      () => {
        if (lookups.peek(hash) === lookup) lookups.delete(hash);
      },
    );
    return lookup;
  };
  const outcomeOf = (hash: string): Lookup['outcome'] => {
    const kept = lookups.get(hash);
    return (kept !== undefined && now() - kept.startedAt < FRESH_MS ? kept : lookUp(hash)).outcome;
  };
  const findCaller = async (hash: string, inTurn?: InTurn): Promise<Caller> => {
    const isKnown = inTurn === undefined || lookups.get(hash)?.isOfCaller === true;
    const found = await (isKnown ? outcomeOf(hash) : inTurn(() => outcomeOf(hash)));
    if (typeof found === 'string') throw new TokenRefused(found);
    if (Date.now() >= (found.expiresAtMs ?? 0)) throw new TokenRefused('keyExpired');
    return found;
  };
  return async (key, inTurn) => {
    if (!isApiKey(key)) throw new TokenRefused(key.startsWith(API_KEY_PREFIX) ? 'keyMalformed' : 'notKey');
    return findCaller(apiKeyHash(key), inTurn);
  };
}

function callerOf(
  stored: StoredApiKey | undefined,
  { knownUntilMs, find }: { readonly knownUntilMs: number; readonly find: () => Promise<Caller> },
): Caller | Refusal {
  if (stored === undefined) return 'keyUnknown';
  if (stored.isRevoked) return 'keyRevoked';
  const [scopes, { owner }] = [scopesOf(stored.scopes), stored];
  return Object.freeze({
    // The number alone, by which idempotency keys are apart, could be taken for a name.
    subject: `${API_KEY_SUBJECT}${stored.id}:${stored.name}`,
    scopes,
    ...(owner !== undefined && { owner }),
    accessKey: accessKeyOf(scopes, owner),
    expiresAtMs: stored.expiresAtMs,
    knownUntilMs,
    recheck: () =>
      find().then(
        () => undefined,
        (error: unknown) => {
          throw error instanceof TokenRefused ? createError('UNAUTHENTICATED', error.message) : error;
        },
      ),
  });
}
