import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

/**
 * What a test waits for comes in moments; what has not come after so long never will. Less than jest's own time for a test,
 * whose message would not say what was waited for.
 */
export const PATIENCE_MS = 240_000;

const shown = (value: unknown): string => inspect(value, { depth: 6, breakLength: 120, maxStringLength: 2_000 });

interface Patience {
  /**
   * Looks again and again until what is seen is as wanted, and gives that.
   * @param what ends the sentence "waited for ..."
   * @param isThere default: whether what is seen is true in a condition
   * @throws Error with what was seen last, once patience has ended; what `look` throws, at once
   */
  readonly until: <Seen>(
    what: string,
    look: () => Seen | Promise<Seen>,
    isThere?: (seen: Seen) => boolean,
  ) => Promise<Seen>;
  /**
   * Gives what a promise gives, for one that may stay pending for ever.
   * @param what ends the sentence "waited for ..."
   * @param look what to show of the state of things when it has not come
   * @throws Error with what is seen then, once patience has ended
   */
  readonly orGiveUp: <Result>(what: string, promise: Promise<Result>, look?: () => unknown) => Promise<Result>;
}

/** Ways to wait for so long. For the test of patience itself; all others have the ones below. */
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
    // Called off once the promise has settled, which is no failure.
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
      // Given up, and nobody asks any more.
      return new Promise<never>(() => {});
    };
    // A look that never ends is given up too.
    return orGiveUp(what, looking(), () => {
      over.abort();
      return seen;
    });
  };
  return { until, orGiveUp };
}

export const { until, orGiveUp } = createPatience(PATIENCE_MS);

/**
 * Lets time pass: for a fault that lasts a while, or in which something that must not happen would happen. On a slow machine
 * such a test may find less, but is never wrong. Whatever is waited for is waited for with `until`.
 */
export async function pause(ms: number): Promise<void> {
  await sleep(ms);
}

/**
 * Does something that must not take longer than `mostMs`. Checked by `npm run times` alone, on a machine that has nothing
 * else to do: anywhere else it says how busy the machine is.
 * @param what begins the sentence "... took 12 ms"
 * @throws Error when it took longer, and times are checked
 */
export async function within<Result>(mostMs: number, what: string, work: () => Promise<Result>): Promise<Result> {
  const { result, tookMs } = await measured(work);
  assertTime(what, tookMs, mostMs);
  return result;
}

/** Does something and says how long it took, for `assertTime`. */
export async function measured<Result>(
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly tookMs: number }> {
  const start = performance.now();
  const result = await work();
  return { result, tookMs: performance.now() - start };
}

/** The check of `within` for a time that was worked out, such as the difference of two. */
export function assertTime(what: string, tookMs: number, mostMs: number): void {
  if (process.env['CHECK_TIMES'] === undefined || tookMs <= mostMs) return;
  throw new Error(`${what} took ${Math.round(tookMs)} ms, more than ${mostMs}`);
}
