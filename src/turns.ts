/** How long work may go on before the event loop must get a turn: for new requests, timers and clients that disconnect. */
const TURN_MS = 10;
/** Looking at the clock costs as much as completing an object. */
const CALLS_PER_LOOK = 64;

/** A queue whose `take` costs the same whatever its length. */
class Queue<Item> {
  #items: (Item | undefined)[] = [];
  #next = 0;

  add(item: Item): void {
    this.#items.push(item);
  }

  isEmpty(): boolean {
    return this.#next === this.#items.length;
  }

  take(): Item | undefined {
    const item = this.#items[this.#next];
    this.#items[this.#next] = undefined;
    this.#next += 1;
    if (this.isEmpty()) {
      this.#items = [];
      this.#next = 0;
    }
    return item;
  }
}

/**
 * Divides long work among turns of the event loop. All work of the process that may take long shares them, so that however much
 * there is, the loop goes round after each turn.
 */
export class Turns {
  readonly #ms: number;
  readonly #callsPerLook: number;
  readonly #queue = new Queue<() => void>();
  #calls = 0;
  /** When the present turn is over; undefined until somebody looks. */
  #endsAt: number | undefined;
  #isOver = false;

  constructor({ ms = TURN_MS, callsPerLook = CALLS_PER_LOOK } = {}) {
    this.#ms = ms;
    this.#callsPerLook = callsPerLook;
  }

  /** Whether this turn has taken so long that the rest should be done `later`. Cheap: to be called for each piece of work. */
  isOver(): boolean {
    if (this.#isOver) return true;
    this.#calls += 1;
    if (this.#calls < this.#callsPerLook) return false;
    this.#calls = 0;
    return this.#look();
  }

  /** Calls a function in a later turn, in the order of calls. */
  later(go: () => void): void {
    this.#queue.add(go);
    this.#open();
  }

  /** Resolves in a later turn. */
  next(): Promise<void> {
    return new Promise((resolve) => this.later(resolve));
  }

  #look(): boolean {
    const now = performance.now();
    const endsAt = this.#endsAt ?? this.#open(now);
    return (this.#isOver = now >= endsAt);
  }

  #open(now = performance.now()): number {
    if (this.#endsAt !== undefined) return this.#endsAt;
    setImmediate(this.#begin);
    return (this.#endsAt = now + this.#ms);
  }

  readonly #begin = (): void => {
    this.#endsAt = undefined;
    this.#isOver = false;
    if (this.#queue.isEmpty()) return;
    this.#open();
    do this.#queue.take()?.();
    while (!this.#queue.isEmpty() && !this.#look());
  };
}

const resolved = Promise.resolve();

/** As DataLoader does by itself: when no promise is left to settle. */
const afterPromises = (go: () => void): void => void resolved.then(() => process.nextTick(go));

/** Shared by everything in the process, which has only one event loop. */
export const TURNS = new Turns();

/**
 * The work of one execution. While some of it waits for a later turn, no batch is sent: what it will ask for belongs to the same
 * batches.
 */
export class Work {
  readonly #turns: Turns;
  readonly #held: (() => void)[] = [];
  #waiting = 0;

  constructor(turns: Turns = TURNS) {
    this.#turns = turns;
  }

  isTurnOver(): boolean {
    return this.#turns.isOver();
  }

  /** Goes on with a part of it in a later turn. */
  later(go: () => void): void {
    this.#waiting += 1;
    this.#turns.later(() => {
      this.#waiting -= 1;
      try {
        go();
      } finally {
        if (this.#waiting === 0) for (const dispatch of this.#held.splice(0)) this.schedule(dispatch);
      }
    });
  }

  /** Dispatches a batch once nothing more is added to it: DataLoader's `batchScheduleFn`. */
  readonly schedule = (dispatch: () => void): void => {
    afterPromises(() => {
      if (this.#waiting === 0) dispatch();
      else this.#held.push(dispatch);
    });
  };
}

/** Dispatches batches for work that is done in one turn: `Work.schedule`. */
export const scheduleAtOnce: Work['schedule'] = new Work().schedule;
