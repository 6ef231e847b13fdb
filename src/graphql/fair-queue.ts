import type { OnJoined } from '../cache/flights.ts';

/** Something that waits for its turn. */
interface Waiting {
  readonly cost: number;
  readonly begin: () => void;
}

/** What asks for a turn. */
export interface Turn {
  readonly client: string;
  readonly cost: number;
  readonly signal: AbortSignal;
  /** Tells of others that wait for the same work; undefined if there are none. */
  readonly onJoined?: OnJoined | undefined;
}

export interface FairQueueOptions {
  /** The cost of everything that runs at the same time. */
  readonly maxCost: number;
  /** The cost of what runs at the same time for one client. */
  readonly maxCostPerClient: number;
}

/** Counts what is running. */
function createRunning({ maxCost, maxCostPerClient }: FairQueueOptions, queues: ReadonlyMap<string, unknown>) {
  const running = new Map<string, number>();
  let runningCost = 0;

  /** What one client may have running: of several, each has the same share, and there is room for that of one more. */
  const share = (): number => {
    let clients = running.size;
    for (const client of queues.keys()) if (!running.has(client)) clients += 1;
    return clients <= 1 ? maxCostPerClient : Math.min(maxCostPerClient, maxCost / (clients + 1));
  };
  const isBelowOwnLimit = (client: string, cost: number): boolean => {
    const own = running.get(client) ?? 0;
    return own === 0 || own + cost <= share();
  };
  const hasRoom = (cost: number): boolean => runningCost === 0 || runningCost + cost <= maxCost;
  const add = (client: string, cost: number): void => {
    runningCost += cost;
    const own = (running.get(client) ?? 0) + cost;
    if (own === 0) running.delete(client);
    else running.set(client, own);
  };
  return { add, isBelowOwnLimit, hasRoom };
}

export type FairQueue = ReturnType<typeof createFairQueue>;

/**
 * Creates a queue in which clients take turns: whoever sends a thousand requests waits for most of them, and everybody else only
 * for one of theirs. What costs little runs together with others. What costs more than its client's limit counts as much as that.
 * Of several clients, none has more running than its share, unless it is a single piece.
 */
export function createFairQueue({ maxCost, maxCostPerClient }: FairQueueOptions) {
  /** Clients with something waiting, in the order of their turns. */
  const queues = new Map<string, Set<Waiting>>();
  const { add, isBelowOwnLimit, hasRoom } = createRunning({ maxCost, maxCostPerClient }, queues);
  const leave = (client: string, waiting: Waiting): void => {
    const queue = queues.get(client);
    queue?.delete(waiting);
    if (queue?.size === 0) queues.delete(client);
  };
  const beginNext = (): void => {
    for (const [client, queue] of queues) {
      const [next] = queue;
      if (next === undefined || !isBelowOwnLimit(client, next.cost)) continue;
      // The others wait too, or what costs much would never begin.
      if (!hasRoom(next.cost)) return;
      // The client's next turn comes after everybody else's, later in this loop.
      queues.delete(client);
      queues.set(client, queue);
      leave(client, next);
      add(client, next.cost);
      next.begin();
    }
  };
  const enter = (client: string, waiting: Waiting): (() => void) => {
    const queue = queues.get(client) ?? new Set<Waiting>();
    queues.set(client, queue.add(waiting));
    return () => leave(client, waiting);
  };

  return {
    /**
     * Runs something as soon as it is the client's turn, or that of another client that waits for it too.
     * @param turn.cost above 0
     * @param work gets the client whose turn it is
     * @returns what it returns; rejects with the signal's reason when that aborts before it begins
     */
    async run<Result>(turn: Turn, work: (client: string) => Promise<Result> | Result): Promise<Result> {
      const cost = Math.min(turn.cost, maxCostPerClient);
      turn.signal.throwIfAborted();
      let { client } = turn;
      if (queues.size === 0 && isBelowOwnLimit(client, cost) && hasRoom(cost)) add(client, cost);
      else client = await turnOf({ ...turn, cost }, enter, beginNext);
      try {
        return await work(client);
      } finally {
        add(client, -cost);
        beginNext();
      }
    },
    /** How many are waiting. */
    waiting: (): number => queues.values().reduce((sum, queue) => sum + queue.size, 0),
  };
}

/**
 * Waits in the queue of a client, and of each that joins it, until it is the turn of one of them.
 * @param enter puts it into a client's queue, and returns a function that takes it out
 * @param look begins what can begin
 * @returns the client whose turn it is; rejects with the signal's reason
 */
async function turnOf(
  { client: first, cost, signal, onJoined }: Turn,
  enter: (client: string, waiting: Waiting) => () => void,
  look: () => void,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const leaves = new Map<string, () => void>();
  let isOver = false;
  const end = (): void => {
    isOver = true;
    for (const leave of leaves.values()) leave();
  };
  const giveUp = (): void => {
    end();
    reject(signal.reason as Error);
    // It may have been the one for which the others waited.
    look();
  };
  const queueFor = (client: string): void => {
    if (isOver || leaves.has(client)) return;
    const begin = (): void => {
      end();
      resolve(client);
    };
    leaves.set(client, enter(client, { cost, begin }));
    look();
  };
  signal.addEventListener('abort', giveUp, { once: true });
  const stopJoining = onJoined?.(queueFor);
  queueFor(first);
  try {
    return await promise;
  } finally {
    stopJoining?.();
    signal.removeEventListener('abort', giveUp);
  }
}
