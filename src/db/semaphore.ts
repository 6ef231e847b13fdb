import { createError } from '../errors.ts';
import { within } from '../time-limit.ts';

/** A semaphore with a bounded queue. */
export interface Semaphore {
  /**
   * Takes a permit, first come first served.
   * @param waitMs the longest time to wait
   * @param signal ends the waiting when it aborts, with its reason
   * @returns releases the permit; call it exactly once
   * @throws SERVICE_UNAVAILABLE when none became free in time, or the queue is full
   */
  acquire(waitMs: number, signal: AbortSignal): Promise<() => void>;
  /** How many are waiting for a permit. */
  waiting(): number;
}

export interface SemaphoreOptions {
  readonly permits: number;
  readonly queue: number;
  /** The error message when none is free. */
  readonly full: string;
  /** Called for each caller that gets none. */
  readonly refused: () => void;
}

/** Creates a semaphore with all its permits free. */
export function createSemaphore({ permits, queue, full, refused }: SemaphoreOptions): Semaphore {
  let taken = 0;
  const waiting = new Set<() => void>();
  const refuse = (): Error => {
    refused();
    return createError('SERVICE_UNAVAILABLE', full);
  };
  const release = (): void => {
    const [next] = waiting;
    // Handed straight to the longest waiter, so that no newcomer gets ahead.
    if (next === undefined) taken -= 1;
    else next();
  };
  const wait = async (waitMs: number, signal: AbortSignal): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const admit = (): void => {
      waiting.delete(admit);
      resolve();
    };
    waiting.add(admit);
    try {
      await within({ ms: waitMs, timeoutError: refuse, signal }, () => promise);
    } catch (error) {
      // It may have been given a permit a moment before its time was up.
      if (!waiting.delete(admit)) release();
      throw error;
    }
  };
  return {
    async acquire(waitMs, signal) {
      signal.throwIfAborted();
      if (taken < permits) taken += 1;
      else if (waiting.size >= queue) throw refuse();
      else await wait(waitMs, signal);
      return release;
    },
    waiting: () => waiting.size,
  };
}
