import { createError } from '../errors.ts';
import { within } from '../time-limit.ts';

/** A transaction that waits for its turn. */
export interface WriteTurn {
  /** Whose it is. */
  readonly client: string;
  /** The row that it locks first, if that is known, such as `Customer 7`. */
  readonly row: string | undefined;
  /** The longest time to wait. */
  readonly waitMs: number;
  /** Ends the waiting when it aborts, with its reason. */
  readonly signal: AbortSignal;
}

/** Limits how many transactions run at the same time. */
export interface WriteQueue {
  /**
   * Waits until the transaction may run.
   * @returns ends it; call it exactly once
   * @throws SERVICE_UNAVAILABLE when its turn did not come in time, or the queue is full
   */
  enter(turn: WriteTurn): Promise<() => void>;
  /** How many are waiting. */
  waiting(): number;
}

export interface WriteQueueOptions {
  /** How many may run at the same time. */
  readonly atOnce: number;
  /** How many may wait. */
  readonly maxWaiting: number;
  /** The error message when one cannot run. */
  readonly full: string;
  /** Called for each that does not run. */
  readonly refused: () => void;
}

interface Waiting {
  readonly row: string | undefined;
  readonly begin: () => void;
}

/**
 * Creates a queue in which clients take turns. Of the transactions that lock the same row first, only one runs at a time: the others
 * would wait for it in the server, each with a connection, while nobody could write anything else.
 */
export function createWriteQueue({ atOnce, maxWaiting, full, refused }: WriteQueueOptions): WriteQueue {
  /** Clients with something waiting, in the order of their turns. */
  const queues = new Map<string, Set<Waiting>>();
  /** The rows that running transactions lock. */
  const rows = new Set<string>();
  let [running, waiting] = [0, 0];
  const isLocked = (row: string | undefined): boolean => row !== undefined && rows.has(row);
  const begin = (row: string | undefined): void => {
    running += 1;
    if (row !== undefined) rows.add(row);
  };
  const leave = (client: string, one: Waiting): boolean => {
    const queue = queues.get(client);
    if (queue?.delete(one) !== true) return false;
    waiting -= 1;
    if (queue.size === 0) queues.delete(client);
    return true;
  };
  const beginNext = (): void => {
    for (const [client, queue] of queues) {
      if (running === atOnce) return;
      const next = queue.values().find(({ row }) => !isLocked(row));
      if (next === undefined) continue;
      // The client's next turn comes after everybody else's, later in this loop.
      queues.delete(client);
      queues.set(client, queue);
      leave(client, next);
      begin(next.row);
      next.begin();
    }
  };
  const end = (row: string | undefined): void => {
    running -= 1;
    if (row !== undefined) rows.delete(row);
    beginNext();
  };
  const refuse = (): Error => {
    refused();
    return createError('SERVICE_UNAVAILABLE', full);
  };
  const wait = async ({ client, row, waitMs, signal }: WriteTurn): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const one = { row, begin: resolve };
    const queue = queues.get(client) ?? new Set<Waiting>();
    queues.set(client, queue.add(one));
    waiting += 1;
    try {
      await within({ ms: waitMs, timeoutError: refuse, signal }, () => promise);
    } catch (error) {
      // It may have begun a moment before its time was up.
      if (!leave(client, one)) end(row);
      throw error;
    }
  };
  return {
    async enter(turn) {
      const { row, signal } = turn;
      signal.throwIfAborted();
      if (running < atOnce && !isLocked(row)) begin(row);
      else if (waiting >= maxWaiting) throw refuse();
      else await wait(turn);
      return () => end(row);
    },
    waiting: () => waiting,
  };
}
