import { Served } from './served.ts';

/** How long work may go on before the event loop must get a turn: for new requests, timers and clients that disconnect. */
const TURN_MS = 2;
/** Looking at the clock costs as much as completing an object. */
const CALLS_PER_LOOK = 32;

const resolved = Promise.resolve();

/** Calls a function when no promise is left to settle, as DataLoader does by itself. */
const afterPromises = (go: () => void): void => void resolved.then(() => process.nextTick(go));

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
 * Shares out the event loop among clients. All work of the process that may take long is done in its turns, each of a few
 * milliseconds, so that however much there is, the loop goes round after each. What does not fit in one waits for a later one. There,
 * the client comes first that was served the least lately: a request of somebody who sends few waits for one piece of work of the
 * others, not for all of them.
 */
export class Turns {
  readonly #ms: number;
  readonly #callsPerLook: number;
  /** By client and connection, what waits. */
  readonly #waiting = new Map<string, Map<string, Queue<() => void>>>();
  /** How long each client was served lately. */
  readonly served = new Served();
  /** How long each connection was, of those whose clients have several. */
  readonly #servedConnections = new Served();
  #before: (() => void)[] = [];
  #calls = 0;
  /** When the present turn is over; undefined until somebody looks. */
  #endsAt: number | undefined;
  #isOver = false;
  /** Whom the present work is for. Fields, since an object for each piece of work would be garbage. */
  #client: string | undefined;
  #connection = '';
  /** When it began. */
  #since = 0;

  constructor({ ms = TURN_MS, callsPerLook = CALLS_PER_LOOK } = {}) {
    this.#ms = ms;
    this.#callsPerLook = callsPerLook;
  }

  /** Whether this turn has taken so long that the rest should be done `later`. Cheap: to be called for each piece of work. */
  isOver(): boolean {
    if (this.#isOver) return true;
    this.#calls += 1;
    if (this.#calls < this.#callsPerLook) return false;
    return this.look();
  }

  /** As `isOver`, but always looks at the clock. */
  look(): boolean {
    this.#calls = 0;
    const now = performance.now();
    const endsAt = this.#endsAt ?? this.#open(now);
    return (this.#isOver = now >= endsAt);
  }

  /**
   * Calls a function in a later turn. Those of one client and connection are called in the order of these calls.
   * @param connection if the client may have several, which take turns in the same way as clients do
   */
  later(client: string, go: () => void, connection = ''): void {
    const queues = this.#waiting.get(client) ?? new Map<string, Queue<() => void>>();
    this.#waiting.set(client, queues);
    const queue = queues.get(connection) ?? new Queue();
    queues.set(connection, queue);
    queue.add(go);
    this.#open();
  }

  /** Resolves in a later turn. */
  next(client: string): Promise<void> {
    return new Promise((resolve) => this.later(client, resolve));
  }

  /** Calls a function before the work of the next turn, or after that of this one: for what should not wait until it is done. */
  beforeWork(go: () => void): void {
    this.#before.push(go);
    this.#open();
  }

  /** Whether work must wait for a later turn, because others wait, or this one is over. */
  isTaken(): boolean {
    return this.#waiting.size > 0 || this.look();
  }

  /** Counts for a client what is done from now on, until somebody else is charged, or no promise is left to settle. */
  charge(client: string, connection = ''): void {
    if (this.#client === client && this.#connection === connection) return;
    if (this.#client === undefined) afterPromises(this.#settle);
    this.#settle();
    this.#client = client;
    this.#connection = connection;
  }

  /** Adds what was done for whoever is charged, and charges nobody. */
  readonly #settle = (): void => {
    const now = performance.now();
    const ms = now - this.#since;
    this.#since = now;
    if (this.#client === undefined) return;
    this.served.add(this.#client, ms, now);
    if (this.#connection !== '') this.#servedConnections.add(this.#connection, ms, now);
    this.#client = undefined;
  };

  #open(now?: number): number {
    if (this.#endsAt !== undefined) return this.#endsAt;
    setImmediate(this.#begin);
    // Thousands of requests may arrive at once, and on some virtual machines a look at the clock takes a microsecond.
    return (this.#endsAt = (now ?? performance.now()) + this.#ms);
  }

  readonly #begin = (): void => {
    this.#endsAt = undefined;
    this.#isOver = false;
    this.#callBefore();
    if (this.#waiting.size === 0) return;
    this.#open();
    this.#goOn();
  };

  /** Does the next piece of work, and more of them until the turn is over. */
  readonly #goOn = (): void => {
    const go = this.#take();
    if (go === undefined) return this.#callBefore();
    // Promises that it settles belong to it.
    afterPromises(() => {
      if (this.look()) this.#callBefore();
      else this.#goOn();
    });
    go();
  };

  #callBefore(): void {
    const before = this.#before;
    this.#before = [];
    for (const go of before) go();
  }

  /** Takes the next piece of work of whoever was served the least, and charges them. */
  #take(): (() => void) | undefined {
    const client = leastServed(this.#waiting, this.served);
    const queues = this.#waiting.get(client);
    if (queues === undefined) return undefined;
    this.#waiting.delete(client);
    const connection = leastServed(queues, this.#servedConnections);
    const queue = queues.get(connection);
    queues.delete(connection);
    const go = queue?.take();
    // Behind the others, so that everybody comes to be one of those that are compared.
    if (queue?.isEmpty() === false) queues.set(connection, queue);
    if (queues.size > 0) this.#waiting.set(client, queues);
    this.charge(client, connection);
    return go;
  }
}

/** Of more that wait, only these are compared, since there may be thousands. */
const COMPARED = 100;

/** Who was served the least, of those that have waited longest; nobody's name if nobody waits. */
function leastServed(waiting: ReadonlyMap<string, unknown>, served: Served): string {
  let least = '';
  let leastMs = Infinity;
  let compared = 0;
  for (const key of waiting.keys()) {
    const ms = waiting.size > 1 ? served.of(key) : 0;
    if (ms < leastMs) [least, leastMs] = [key, ms];
    compared += 1;
    if (ms === 0 || compared === COMPARED) break;
  }
  return least;
}

/** Shared by everything in the process, which has only one event loop. */
export const TURNS = new Turns();

/**
 * The work of one execution. While some of it waits for a later turn, no batch is sent: what it will ask for belongs to the same
 * batches.
 */
export class Work {
  readonly #client: string;
  readonly #turns: Turns;
  readonly #held: (() => void)[] = [];
  #waiting = 0;

  /** @param client for whom it is done */
  constructor(client: string, turns: Turns = TURNS) {
    this.#client = client;
    this.#turns = turns;
  }

  /** Counts for its client what is done from now on, when what it has waited for is there. */
  charge(): void {
    this.#turns.charge(this.#client);
  }

  isTurnOver(): boolean {
    return this.#turns.isOver();
  }

  /** Undefined if it may go on at once; else it may when the promise resolves. */
  turn(): Promise<void> | undefined {
    return this.#turns.isTaken() ? this.#turns.next(this.#client) : undefined;
  }

  /** Goes on with a part of it in a later turn. */
  later(go: () => void): void {
    this.#waiting += 1;
    this.#turns.later(this.#client, () => {
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
export const scheduleAtOnce: Work['schedule'] = new Work('').schedule;
