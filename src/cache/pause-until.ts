import { setTimeout as pause } from 'node:timers/promises';

/**
 * Resolves at a time of `performance.now()`, or when the signal aborts. A single timer may fire a millisecond early.
 */
export async function pauseUntil(ms: number, signal?: AbortSignal): Promise<void> {
  for (let leftMs = ms - performance.now(); leftMs > 0; leftMs = ms - performance.now())
    try {
      // oxlint-disable-next-line eslint/no-await-in-loop -- seldom more than once
      await pause(Math.ceil(leftMs), undefined, signal === undefined ? {} : { signal });
    } catch {
      return;
    }
}
