import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

/**
 * What a test waits for happens within moments, or after this long never will. Less than jest's timeout, whose message would
 * not say what the test was waiting for.
 */
export const PATIENCE_MS = 240_000;

const shown = (value: unknown): string => inspect(value, { depth: 6, breakLength: 120, maxStringLength: 2_000 });

interface Patience {
  /**
   * Polls until the value is as wanted, and returns it.
   * @param what completes the sentence "waited for ..."
   * @param isThere default: whether the value is truthy
   * @throws Error with the last value, once patience has run out; errors of `look`, at once
   */
  readonly until: <Seen>(
    what: string,
    look: () => Seen | Promise<Seen>,
    isThere?: (seen: Seen) => boolean,
  ) => Promise<Seen>;
  /**
   * Returns the result of a promise that may stay pending forever.
   * @param what completes the sentence "waited for ..."
   * @param look the state to report if it does not settle
   * @throws Error with that state, once patience has run out
   */
  readonly orGiveUp: <Result>(what: string, promise: Promise<Result>, look?: () => unknown) => Promise<Result>;
}

/** Creates both with a given limit, for testing them; other tests use the ones below. */
export function createPatience(patienceMs: number): Patience {
  const inVain = (what: string, seen: unknown): Error =>
    new Error(`waited ${patienceMs / 1_000} s for ${what}; seen last: ${shown(seen)}`);
  const orGiveUp: Patience['orGiveUp'] = async (what, promise, look = () => 'nothing') => {
    const waiting = new AbortController();
    const gaveUp = async (): Promise<never> => {
      await sleep(patienceMs, undefined, { signal: waiting.signal });
      throw inVain(what, look());
    };
    const late = gaveUp();
    // Aborted once the promise has settled, which is not a failure.
    late.catch(() => undefined);
    try {
      return await Promise.race([promise, late]);
    } finally {
      waiting.abort();
    }
  };
  const until: Patience['until'] = (what, look, isThere = Boolean) => {
    let seen: unknown = 'nothing';
    const over = new AbortController();
    const looking = async () => {
      for (let pauseMs = 2; !over.signal.aborted; pauseMs = Math.min(2 * pauseMs, 50)) {
        const now = await look();
        if (isThere(now)) return now;
        seen = now;
        await sleep(pauseMs);
      }
      // Given up, so that nobody waits for this any more.
      return new Promise<never>(() => {});
    };
    // Also gives up on a `look` that never settles.
    return orGiveUp(what, looking(), () => {
      over.abort();
      return seen;
    });
  };
  return { until, orGiveUp };
}

export const { until, orGiveUp } = createPatience(PATIENCE_MS);

/**
 * Lets time pass: for a fault that lasts a while, or during which something forbidden would happen. On a slow machine such a
 * test may find less, but it is never wrong. Use `until` to wait for something.
 */
export async function pause(ms: number): Promise<void> {
  await sleep(ms);
}

/**
 * Does something that must not take longer than `limitMs`. Checked only by `npm run times`, on an otherwise idle machine:
 * anywhere else it would measure how busy the machine is.
 * @param what begins the sentence "... took 12 ms"
 * @throws Error when it took longer and times are checked
 */
export async function within<Result>(limitMs: number, what: string, work: () => Promise<Result>): Promise<Result> {
  const { result, tookMs } = await measured(work);
  assertTime(what, tookMs, limitMs);
  return result;
}

/** Does something and measures it, for `assertTime`. */
export async function measured<Result>(
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly tookMs: number }> {
  const start = performance.now();
  const result = await work();
  return { result, tookMs: performance.now() - start };
}

/** The check of `within` for a computed time, such as a difference of two. */
export function assertTime(what: string, tookMs: number, limitMs: number): void {
  if (process.env['CHECK_TIMES'] === undefined || tookMs <= limitMs) return;
  throw new Error(`${what} took ${Math.round(tookMs)} ms, more than ${limitMs}`);
}
