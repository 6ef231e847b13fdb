import { createError } from '../errors.ts';

/** A bounded number of places, and a bounded queue before them. */
export interface Room {
  /**
   * Takes a place, first come first served.
   * @param waitMs the longest that this may take
   * @returns gives the place up; to be called once
   * @throws SERVICE_UNAVAILABLE when none was free in time, or the queue is full
   */
  enter(waitMs: number): Promise<() => void>;
  /** How many wait for a place now. */
  waiting(): number;
}

export interface RoomOptions {
  readonly places: number;
  readonly queue: number;
  /** What is said when there is no place. */
  readonly full: string;
  /** Called for each that got no place. */
  readonly refused: () => void;
}

/** Makes a room. */
export function createRoom({ places, queue, full, refused }: RoomOptions): Room {
  let taken = 0;
  const waiting = new Set<() => void>();
  const refuse = (): Error => {
    refused();
    return createError('SERVICE_UNAVAILABLE', full);
  };
  const leave = (): void => {
    const [next] = waiting;
    // The place goes on to whoever waits longest, so that nobody who comes now is before them.
    if (next === undefined) taken -= 1;
    else next();
  };
  return {
    async enter(waitMs) {
      if (taken < places) taken += 1;
      else if (waiting.size >= queue) throw refuse();
      else
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(() => {
            waiting.delete(admit);
            reject(refuse());
          }, waitMs);
          const admit = (): void => {
            clearTimeout(timer);
            waiting.delete(admit);
            resolve();
          };
          waiting.add(admit);
        });
      return leave;
    },
    waiting: () => waiting.size,
  };
}
