import { setTimeout as pause } from 'node:timers/promises';
import type { CacheSuspensions } from '../db/cache-suspensions.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { within } from '../time-limit.ts';
import { SUSPENSION_LEASE_MS } from './other-suspensions.ts';
import { pauseUntil } from './pause-until.ts';

/** When every gateway has looked again: longer than their leases, since the clocks of two machines run at different speeds. */
const WAIT_MS = SUSPENSION_LEASE_MS + 100;
const RENEW_MS = 5_000;
/** Without a renewal for so long, it is added anew: others may remove it after `ABANDONED_SECONDS`. */
const RENEWED_MS = 15_000;
const RETRY_MS = 250;
/** When nobody can be told of a write, neither by Redis nor by the database, it is answered after so long. */
const GIVE_UP_MS = 5_000;

const timeoutError = () => new Error(`the database has not answered within ${GIVE_UP_MS} ms`);

export interface SuspensionOptions {
  readonly suspensions: CacheSuspensions;
  /** Of this gateway. */
  readonly id: string;
  readonly log: Pick<Log, 'warn' | 'info'>;
  readonly metrics: Pick<Metrics, 'cacheSuspensions'>;
}

/** Tells other gateways, by the database, that what this one has written may be missing in Redis. */
export interface OwnSuspension {
  /** Resolves when no other gateway uses cached responses, or when the database could not be told for long. */
  begin(): Promise<void>;
  isBegun(): boolean;
  /** Lets the others use cached responses again. */
  end(): Promise<void>;
  /** If it is begun, others end it once Redis can be told. */
  close(): Promise<void>;
}

export function createOwnSuspension({ suspensions, id, log, metrics }: SuspensionOptions): OwnSuspension {
  /** Since when the others can find it, and when it was last renewed, by `performance.now()`. */
  let begun: { readonly sinceMs: number; renewedMs: number } | undefined;
  let beginning: Promise<void> | undefined;
  let ending: Promise<void> | undefined;
  const closing = new AbortController();
  const renew = async (): Promise<void> => {
    const askedMs = performance.now();
    const isNew = await suspensions.renew(id);
    if (begun === undefined || isNew) begun = { sinceMs: performance.now(), renewedMs: askedMs };
    else begun.renewedMs = askedMs;
  };
  const renewing = setInterval(() => {
    if (begun !== undefined && beginning === undefined && ending === undefined) void renew().catch(() => undefined);
  }, RENEW_MS).unref();
  const untilAdded = async (signal: AbortSignal): Promise<void> => {
    try {
      await renew();
    } catch {
      await pause(RETRY_MS, undefined, { signal });
      await untilAdded(signal);
    }
  };
  const add = async (): Promise<void> => {
    await ending;
    if (begun === undefined) {
      metrics.cacheSuspensions.inc();
      log.warn('Redis cannot be told of writes: other gateways use no cached responses until it can');
    }
    await within({ ms: GIVE_UP_MS, timeoutError, signal: closing.signal }, untilAdded).catch((error: unknown) =>
      log.warn(
        { err: error },
        'Other gateways could not be told by the database either: they may use cached responses from before a write',
      ),
    );
    beginning = undefined;
  };
  const isStanding = (): boolean => begun !== undefined && performance.now() - begun.renewedMs < RENEWED_MS;
  return {
    async begin() {
      if (ending !== undefined || !isStanding()) await (beginning ??= add());
      if (begun !== undefined) await pauseUntil(begun.sinceMs + WAIT_MS);
    },
    isBegun: () => begun !== undefined,
    async end() {
      begun = undefined;
      ending ??= suspensions
        .remove(id)
        .then(() => log.info('Redis was told of all writes: other gateways use cached responses again'))
        .catch(() => {
          // Tried again, unless it begins anew before.
          begun ??= { sinceMs: performance.now(), renewedMs: 0 };
        })
        .finally(() => (ending = undefined));
      await ending;
    },
    async close() {
      closing.abort();
      clearInterval(renewing);
      await Promise.all([beginning, ending]);
      // Otherwise they do later.
      if (begun !== undefined) await suspensions.abandon(id).catch(() => undefined);
    },
  };
}
