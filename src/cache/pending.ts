const RETRY_MS = 200;

/**
 * Names that Redis must be told and does not know yet. Sending is retried until it succeeds.
 * @param send resolves with undefined when it failed
 */
export function createPending(send: (names: readonly string[]) => Promise<unknown>) {
  /** By name, the latest attempt to send it: an earlier attempt that succeeds does not cover a later write. */
  const lastTurns = new Map<string, number>();
  let turns = 0;
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  const tell = async (names: readonly string[]): Promise<void> => {
    turns += 1;
    const turn = turns;
    for (const name of names) lastTurns.set(name, turn);
    const isTold = (await send(names)) !== undefined;
    if (isTold) for (const name of names) if (lastTurns.get(name) === turn) lastTurns.delete(name);
    if (isTold || isClosed || retry !== undefined) return;
    retry = setTimeout(() => {
      retry = undefined;
      void tell([...lastTurns.keys()]);
    }, RETRY_MS);
    retry.unref();
  };

  return {
    /** Resolves when Redis knows, or when sending failed and a retry is scheduled. */
    tell,

    count: (): number => lastTurns.size,
    close(): void {
      isClosed = true;
      clearTimeout(retry);
    },
  };
}
