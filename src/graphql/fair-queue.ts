/** Something that waits for its turn. */
interface Waiting {
  readonly cost: number;
  readonly begin: () => void;
}

export interface FairQueueOptions {
  /** The cost of everything that runs at the same time. */
  readonly maxCost: number;
  /** The cost of what runs at the same time for one client. */
  readonly maxCostPerClient: number;
}

export type FairQueue = ReturnType<typeof createFairQueue>;

/**
 * Creates a queue in which clients take turns: whoever sends a thousand requests waits for most of them, and everybody else only
 * for one of theirs. What costs little runs together with others. What costs more than its client's limit counts as much as that.
 * Of several clients, none has more running than its share, unless it is a single piece.
 */
export function createFairQueue({ maxCost, maxCostPerClient }: FairQueueOptions) {
  const running = new Map<string, number>();
  let runningCost = 0;
  /** Clients with something waiting, in the order of their turns. */
  const queues = new Map<string, Set<Waiting>>();

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
  const wait = async (client: string, cost: number, signal: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { cost, begin: resolve };
    const giveUp = (): void => {
      leave(client, waiting);
      reject(signal.reason as Error);
      // It may have been the one for which the others waited.
      beginNext();
    };
    signal.addEventListener('abort', giveUp, { once: true });
    const queue = queues.get(client) ?? new Set<Waiting>();
    queues.set(client, queue.add(waiting));
    beginNext();
    await promise;
    signal.removeEventListener('abort', giveUp);
  };

  return {
    /**
     * Runs something as soon as it is the client's turn.
     * @param given.cost above 0
     * @returns what it returns; rejects with the signal's reason when that aborts before it begins
     */
    async run<Result>(
      given: { readonly client: string; readonly cost: number; readonly signal: AbortSignal },
      work: () => Promise<Result> | Result,
    ): Promise<Result> {
      const { client, signal } = given;
      const cost = Math.min(given.cost, maxCostPerClient);
      signal.throwIfAborted();
      if (queues.size === 0 && isBelowOwnLimit(client, cost) && hasRoom(cost)) add(client, cost);
      else await wait(client, cost, signal);
      try {
        return await work();
      } finally {
        add(client, -cost);
        beginNext();
      }
    },
    /** How many are waiting. */
    waiting: (): number => queues.values().reduce((sum, queue) => sum + queue.size, 0),
  };
}
