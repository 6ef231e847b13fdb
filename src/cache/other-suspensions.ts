import type { CacheSuspension, CacheSuspensions } from '../db/cache-suspensions.ts';
import { codeOf, createError } from '../errors.ts';
import { whenTimeIsUp } from './own-lateness.ts';

/** How long a gateway uses the cache after it began to look for suspensions, by its own clock, and found none. */
export const SUSPENSION_LEASE_MS = 1_000;
const LOOK_MS = 300;
/** Without use for so long, it does not look. */
const IDLE_MS = 1_000;
/** How long a look may take: a database that answers later counts as down, and is not waited for. */
const LATE_MS = 1_000;
/** After this gateway itself was late by so long, a failure says nothing about the database: it looks again. */
const OWN_LATENESS_MS = LATE_MS / 2;
/** While the database is down, nobody writes: the cache is used, and look-ups wait for no look until so long after the last. */
const DOWN_MS = 5_000;

const DOWN_CODES: ReadonlySet<string> = new Set(['SERVICE_UNAVAILABLE', 'TIMEOUT']);
const late = () => createError('TIMEOUT', `Looking for suspensions takes more than ${LATE_MS} ms.`);

/** Whether other gateways have suspended the use of cached responses. */
export interface OtherSuspensions {
  /** Undefined when that was not looked for lately: then `look` does. */
  isSuspended(): boolean | undefined;
  /** Whether they have, after looking for it if need be. Keeps looking for as long as this is called every second. */
  look(): Promise<boolean>;
  close(): void;
}

/**
 * @param onAbandoned called for a suspension whose gateway has ended: makes all cached responses stale, and removes it then
 * @param warn called when the database answers, but not the question
 */
export function createOtherSuspensions(
  { suspensions, id }: { readonly suspensions: CacheSuspensions; readonly id: string },
  { onAbandoned, warn }: { onAbandoned: (suspension: CacheSuspension) => void; warn: (error: unknown) => void },
): OtherSuspensions {
  let found = { isSuspended: false, untilMs: 0 };
  let looking: Promise<void> | undefined;
  let usedMs = 0;
  let hasFailed = false;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const lookNow = async (): Promise<void> => {
    const askedMs = performance.now();
    const up = Promise.withResolvers<never>();
    const reading = new AbortController();
    const stop = whenTimeIsUp(LATE_MS, () => up.reject(late()));
    try {
      const rows = await Promise.race([suspensions.read(reading.signal), up.promise]);
      stop();
      const others = rows.filter(({ gateway }) => gateway !== id);
      found = { isSuspended: others.length > 0, untilMs: askedMs + SUSPENSION_LEASE_MS };
      hasFailed = false;
      for (const other of others) if (other.isAbandoned) onAbandoned(other);
    } catch (error) {
      reading.abort(error);
      if (stop() < OWN_LATENESS_MS) {
        if (!hasFailed && !DOWN_CODES.has(codeOf(error) ?? '')) warn(error);
        hasFailed = true;
        found = { isSuspended: found.isSuspended, untilMs: performance.now() + DOWN_MS };
      }
    }
    looking = undefined;
    if (isClosed || performance.now() - usedMs > IDLE_MS) return;
    timer = setTimeout(() => {
      timer = undefined;
      void look();
    }, LOOK_MS).unref();
  };
  const look = (): Promise<void> => (looking ??= lookNow());
  const known = (): boolean | undefined => (performance.now() < found.untilMs ? found.isSuspended : undefined);
  return {
    isSuspended() {
      usedMs = performance.now();
      if (timer === undefined && !isClosed) void look();
      return known();
    },
    async look() {
      usedMs = performance.now();
      if (timer === undefined && !isClosed) void look();
      // The time of a look may be over when it ends.
      for (;;) {
        const isSuspended = known();
        if (isSuspended !== undefined) return isSuspended;
        await look();
      }
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
