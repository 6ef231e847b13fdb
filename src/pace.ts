import { eventLoopUtilization } from 'node:perf_hooks';
import { TURNS, type Turns } from './turns.ts';

/** The event loop is busy when it has work for more than this share of the time. Beyond, each request waits in each of its rounds. */
const BUSY = 0.7;
/** How often it is looked whether it is. */
const LOOK_MS = 100;
/**
 * What one client may have changes each time: it falls with the square of how much too busy the loop is, by half at most, so that the
 * first moments of an attack are short; and it rises slowly, by this factor, when there is time.
 */
const RISING = 1.05;
/** The share of the time that every client may have, however busy the loop is. */
const LEAST = 0.01;
/** So many times the average is more than the others have. */
const MORE = 1.25;
/** How often those that are held back are looked at. */
const ROUND_MS = 5;
/**
 * Whoever has asked for something in so many rounds may be about to ask for more. Not a time: after a pause of the whole process,
 * what has arrived meanwhile has not been read.
 */
const SOON_ROUNDS = 40;

/** What waits for one client. */
interface Waiting {
  /** How to let each piece go on, in their order. */
  readonly pieces: Set<() => void>;
  /** How many go on in the next round: twice as many each time, until they show that they take too much. */
  atOnce: number;
}

/** Whoever asked for something, and in which round. */
interface Asked {
  readonly client: string;
  round: number;
}

/**
 * Holds back the work of clients that take much, before it has begun, while others come. Taking turns is not enough for these: an event
 * loop that always has work is busy each of the ten times that a request goes through it. So while it is, what one client may have
 * falls, until it has time again. Whoever has no more than the others is never held back, and whoever is alone may have everything.
 */
export class Pace {
  readonly #turns: Turns;
  readonly #busyShare: () => number;
  readonly #waiting = new Map<string, Waiting>();
  /** The share of the time that one client may have. */
  #allowed = 1;
  #lookedAt = performance.now();
  #round = 0;
  /** The next round, while anything waits. */
  #timer: NodeJS.Timeout | undefined;
  /** The last two clients that asked, the latest first. */
  #asked: readonly Asked[] = [];

  /** @param busyShare for which share of the time since the last call the event loop had work */
  constructor(turns: Turns = TURNS, busyShare = createBusyShare()) {
    this.#turns = turns;
    this.#busyShare = busyShare;
  }

  /** Whether what a client asks for now must wait (`next`). */
  isHeld(client: string): boolean {
    const now = performance.now();
    this.#look(now);
    const [latest] = this.#asked;
    if (latest?.client === client) latest.round = this.#round;
    else this.#asked = [{ client, round: this.#round }, ...(latest === undefined ? [] : [latest])];
    // What waits comes first.
    return this.#waiting.has(client) || this.#hasTooMuch(client, now);
  }

  /** Resolves as soon as this client may go on with one thing, or when the signal aborts. */
  async next(client: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(client) ?? { pieces: new Set(), atOnce: 1 };
    const { pieces } = waiting;
    this.#waiting.set(client, waiting);
    const go = () => {
      pieces.delete(go);
      if (pieces.size === 0) this.#waiting.delete(client);
      signal.removeEventListener('abort', go);
      resolve();
    };
    pieces.add(go);
    signal.addEventListener('abort', go);
    if (this.#timer === undefined) this.#timer = setTimeout(this.#nextRound, ROUND_MS);
    await promise;
  }

  /** How much waits. */
  waiting(): number {
    return this.#waiting.values().reduce((sum, { pieces }) => sum + pieces.size, 0);
  }

  #look(now: number): void {
    if (now - this.#lookedAt < LOOK_MS) return;
    const steps = (now - this.#lookedAt) / LOOK_MS;
    this.#lookedAt = now;
    // One look may be late because of one long piece of work.
    const busy = this.#busyShare();
    if (busy > BUSY) this.#allowed = Math.max(LEAST, this.#allowed * (BUSY / busy) ** 2);
    else this.#allowed = Math.min(1, this.#allowed * RISING ** steps);
  }

  #hasTooMuch(client: string, now: number): boolean {
    if (this.#allowed >= 1 || this.#isAlone(client)) return false;
    const { served } = this.#turns;
    const share = served.shareOf(client, now);
    return share > this.#allowed && share > MORE * served.averageShare(client, now);
  }

  #isAlone(client: string): boolean {
    return this.#asked.every((asked) => asked.client === client || this.#round - asked.round > SOON_ROUNDS);
  }

  readonly #nextRound = (): void => {
    this.#timer = undefined;
    this.#round += 1;
    const now = performance.now();
    this.#look(now);
    for (const [client, waiting] of this.#waiting.entries().toArray()) {
      // What goes on now shows how much it takes.
      const mayGo = this.#hasTooMuch(client, now) ? 0 : waiting.atOnce;
      waiting.atOnce = mayGo === 0 ? 1 : 2 * mayGo;
      for (const go of waiting.pieces.values().take(mayGo).toArray()) go();
    }
    if (this.#waiting.size > 0) this.#timer = setTimeout(this.#nextRound, ROUND_MS);
  };
}

function createBusyShare(): () => number {
  let last = eventLoopUtilization();
  return () => {
    const now = eventLoopUtilization();
    const { utilization } = eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}

/** Shared by everything in the process, which has only one event loop. */
export const PACE = new Pace();
