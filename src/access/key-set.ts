import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { createError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** After this, the keys are fetched again at the next token; until they have come, the old ones are used. */
const FRESH_MS = 5 * 60_000;
/** For how long the last keys are used while they cannot be fetched. */
const MAX_AGE_MS = 24 * 3_600_000;
/** The least time between two attempts, however many tokens name unknown keys; and as long as there are no keys at all. */
const COOLDOWN_MS = 10_000;
const FIRST_COOLDOWN_MS = 1_000;
const FETCH_MS = 3_000;
const MAX_BYTES = 256 * 1024;

export interface KeySetOptions {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'keySetFetches'>;
  /** Milliseconds that only increase. */
  readonly now: () => number;
}

/** The public keys of an issuer. */
export interface KeySet {
  /** Rejects with SERVICE_UNAVAILABLE when there are no keys, and with an error of jose when none fits. */
  readonly find: JWTVerifyGetKey;
  /** Whether there is a key with this id now. Copies all of them. */
  readonly hasKey: (kid: string) => boolean;
}

/**
 * The public keys that an issuer publishes (JWKS, RFC 7517), fetched at once and kept. They are fetched again when they are old, or
 * when a token names a key that is not among them.
 */
export function createKeySet(url: URL, { log, metrics, now }: KeySetOptions): KeySet {
  let known: { readonly find: ReturnType<typeof createLocalJWKSet>; readonly fetchedAt: number } | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | undefined;
  let isFailing = false;

  const fetchKeys = async (): Promise<void> => {
    triedAt = now();
    try {
      known = { find: createLocalJWKSet(await fetchKeySet(url)), fetchedAt: now() };
      metrics.keySetFetches.inc({ result: 'fetched' });
      if (isFailing) log.info("The issuer's keys can be fetched again");
      isFailing = false;
    } catch (error) {
      metrics.keySetFetches.inc({ result: 'failed' });
      // Once for each outage. The last keys are used meanwhile.
      if (!isFailing) log.warn({ err: error }, "The issuer's keys cannot be fetched (AUTH_JWKS_URL)");
      isFailing = true;
    }
  };
  /** Fetches the keys unless that was tried just now. Resolves when an attempt has ended, however it did. */
  const refresh = (): Promise<void> => {
    const cooldown = known === undefined ? FIRST_COOLDOWN_MS : COOLDOWN_MS;
    if (pending === undefined && now() - triedAt < cooldown) return Promise.resolve();
    pending ??= fetchKeys().finally(() => (pending = undefined));
    return pending;
  };
  const current = () => {
    if (known !== undefined && now() - known.fetchedAt < MAX_AGE_MS) return known.find;
    throw createError('SERVICE_UNAVAILABLE', "The issuer's keys cannot be fetched; send the request again later.");
  };

  void refresh();
  const findKey: JWTVerifyGetKey = async (...token) => {
    if (known === undefined) await refresh();
    else if (now() - known.fetchedAt > FRESH_MS) void refresh();
    const find = current();
    try {
      return await find(...token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await refresh();
      return current()(...token);
    }
  };
  return { find: findKey, hasKey: (kid) => known?.find.jwks().keys.some((key) => key.kid === kid) ?? false };
}

/** @throws Error when it cannot be fetched in time, or is too large or not JSON */
async function fetchKeySet(url: URL): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_MS),
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`expected at most ${MAX_BYTES} bytes, got more`);
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new Error(`expected status 200, got ${response.status}`);
  return JSON.parse(Buffer.concat(chunks).toString()) as JSONWebKeySet;
}
