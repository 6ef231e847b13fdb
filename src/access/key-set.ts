import { errors, type JWTVerifyGetKey } from 'jose';
import { createError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { fetchKeys, KeysNotFetched, type FetchedKeys } from './fetch-keys.ts';

/** After this, the keys are fetched again at the next token; until they have come, the old ones are used. */
const FRESH_MS = 5 * 60_000;
/** For how long the last keys are used while they cannot be fetched. */
const MAX_AGE_MS = 24 * 3_600_000;
/** The least time between two attempts, however many tokens name unknown keys; and as long as there are no keys at all. */
const COOLDOWN_MS = 10_000;
const FIRST_COOLDOWN_MS = 1_000;

const UNAVAILABLE = "The issuer's keys cannot be fetched; send the request again later.";

export interface KeySetOptions {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'keySetFetches'>;
  /** Milliseconds that only increase. */
  readonly now: () => number;
}

/** The public keys of an issuer. */
export interface KeySet {
  /** Rejects with SERVICE_UNAVAILABLE when there are no keys, and with an error of jose when none fits. Waits for no issuer. */
  readonly find: JWTVerifyGetKey;
  /**
   * The attempt to fetch the keys that an error of `find` has begun or found under way: it is worth calling `find` again when this has
   * resolved, which can take seconds, and happens however the attempt ends. Undefined if it is of no use.
   */
  readonly fetchingSince: (error: unknown) => Promise<void> | undefined;
  /**
   * Whether tokens can be verified. While they cannot, this has the keys fetched again, at most once in ten seconds: no tokens may come
   * where readiness goes by this.
   */
  readonly state: () => 'up' | 'down';
  /** Whether there is a key with this id now. Copies all of them. */
  readonly hasKey: (kid: string) => boolean;
}

/**
 * The public keys that an issuer publishes (JWKS, RFC 7517), fetched at once and kept. They are fetched again when they are old, or
 * when a token names a key that is not among them.
 */
export function createKeySet(url: URL, { log, metrics, now }: KeySetOptions): KeySet {
  let known: { readonly find: FetchedKeys['find']; readonly fetchedAt: number } | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | undefined;
  /** Why the last attempt has failed; undefined if it has not. */
  let failing: string | undefined;
  const address = `${url.origin}${url.pathname}`;

  const fetchAgain = async (): Promise<void> => {
    triedAt = now();
    try {
      const { find, isUsable } = await fetchKeys(url);
      // An issuer that has withdrawn all of its keys wants none to be accepted any more.
      if (isUsable || known !== undefined) known = { find, fetchedAt: now() };
      if (!isUsable) throw new KeysNotFetched('expected keys that can verify a token, got none');
      metrics.keySetFetches.inc({ result: 'fetched' });
      if (failing !== undefined) log.info("The issuer's keys can be fetched again");
      failing = undefined;
    } catch (error) {
      metrics.keySetFetches.inc({ result: 'failed' });
      // Only these have nothing of the answer.
      const why = error instanceof KeysNotFetched ? `: ${error.message}` : '';
      // Once, until there is another reason. The last keys are used meanwhile. Without the address's query, which may have a secret.
      if (why !== failing)
        log.warn({ err: error, url: address }, `The issuer's keys cannot be fetched (AUTH_JWKS_URL)${why}`);
      failing = why;
    }
  };
  /** Fetches the keys unless that was tried just now. Resolves when an attempt has ended, however it did. */
  const refresh = (): Promise<void> | undefined => {
    const cooldown = known === undefined ? FIRST_COOLDOWN_MS : COOLDOWN_MS;
    if (pending === undefined && now() - triedAt < cooldown) return undefined;
    pending ??= fetchAgain().finally(() => (pending = undefined));
    return pending;
  };
  const hasKeys = () => known !== undefined && now() - known.fetchedAt < MAX_AGE_MS;

  void refresh();
  const fetching = new WeakMap<object, Promise<void>>();
  /** Returns the error, noted with the attempt that it is worth waiting for. */
  const noted = (error: Error): Error => {
    const attempt = refresh();
    if (attempt !== undefined) fetching.set(error, attempt);
    return error;
  };
  const findKey: JWTVerifyGetKey = async (...token) => {
    if (known === undefined || !hasKeys()) throw noted(createError('SERVICE_UNAVAILABLE', UNAVAILABLE));
    if (now() - known.fetchedAt > FRESH_MS) void refresh();
    try {
      return await known.find(...token);
    } catch (error) {
      throw error instanceof errors.JWKSNoMatchingKey ? noted(error) : error;
    }
  };
  /** Nobody may have asked for a day, and then they are there as soon as somebody does. */
  const isDown = () => known === undefined || (failing !== undefined && !hasKeys());
  const state = () => {
    if (!isDown()) return 'up';
    if (now() - triedAt >= COOLDOWN_MS) void refresh();
    return 'down';
  };
  const fetchingSince = (error: unknown) => (error instanceof Error ? fetching.get(error) : undefined);
  const hasKey = (kid: string) => known?.find.jwks().keys.some((key) => key.kid === kid) ?? false;
  return { find: findKey, fetchingSince, state, hasKey };
}
