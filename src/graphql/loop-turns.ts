export interface LoopTurnsOptions {
  /** How long work may go on before input and output are looked after again. */
  readonly sliceMs: number;
}

export type LoopTurns = ReturnType<typeof createLoopTurns>;

/**
 * Shares out the event loop among clients: in each of its turns, work is begun for a few milliseconds only, and the rest waits for
 * the next turns, with clients taking turns too. So a thousand requests that arrive at once, or a large response, do not hold up
 * anybody else for longer than that and the longest piece of work that cannot be interrupted.
 */
export function createLoopTurns({ sliceMs }: LoopTurnsOptions) {
  /** Clients with something waiting, in the order of their turns. */
  const queues = new Map<string, (() => void)[]>();
  /** When work began in this turn of the event loop; undefined before that. */
  let beganMs: number | undefined;
  let isPumping = false;

  const endTurn = (): void => {
    beganMs = undefined;
  };
  const isSliceUsed = (): boolean => {
    if (beganMs === undefined) {
      beganMs = performance.now();
      setImmediate(endTurn);
      return false;
    }
    return performance.now() - beganMs >= sliceMs;
  };
  const next = (): (() => void) | undefined => {
    const [first] = queues;
    if (first === undefined) return undefined;
    const [client, queue] = first;
    const begin = queue.shift();
    queues.delete(client);
    if (queue.length > 0) queues.set(client, queue);
    return begin;
  };
  const pump = async (): Promise<void> => {
    const endMs = performance.now() + sliceMs;
    do {
      next()?.();
      // What has just begun goes on first, as far as it can.
      await Promise.resolve();
    } while (queues.size > 0 && performance.now() < endMs);
    if (queues.size > 0) setImmediate(() => void pump());
    else isPumping = false;
  };

  return {
    /**
     * Asks for the event loop, before beginning or continuing work that takes a while.
     * @returns undefined if the work may go on at once; else it may when the promise resolves
     */
    wait(client: string): Promise<void> | undefined {
      if (queues.size === 0 && !isSliceUsed()) return undefined;
      return new Promise((resolve) => {
        const queue = queues.get(client);
        if (queue === undefined) queues.set(client, [resolve]);
        else queue.push(resolve);
        if (isPumping) return;
        isPumping = true;
        setImmediate(() => void pump());
      });
    },
  };
}
