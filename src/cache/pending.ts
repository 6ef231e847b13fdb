const RETRY_MS = 200;
const MAX_PENDING = 1_000;

/**
 * Names of tags or channels that Redis has not been told yet. Sending them is retried until it succeeds.
 * @param attempt sends names to Redis; resolves with undefined when that failed
 * @param all the name that stands for all others: it is sent instead while 1,000 are pending
 */
export function createPending(attempt: (names: readonly string[]) => Promise<unknown>, all: string) {
  /** By name, the latest attempt to send it: an earlier attempt that succeeds does not cover a later write. */
  const lastAttempts = new Map<string, number>();
  let attempts = 0;
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  const sendNow = async (names: readonly string[]): Promise<void> => {
    attempts += 1;
    const number = attempts;
    for (const name of names) lastAttempts.set(name, number);
    const isSent = (await attempt(names)) !== undefined;
    if (isSent) for (const name of names) if (lastAttempts.get(name) === number) lastAttempts.delete(name);
    if (isSent || isClosed || retry !== undefined) return;
    retry = setTimeout(() => {
      retry = undefined;
      void sendNow([...lastAttempts.keys()]);
    }, RETRY_MS);
    retry.unref();
  };

  return {
    /** Resolves when Redis has the names, or when sending failed and a retry is scheduled. */
    async send(names: readonly string[]): Promise<void> {
      if (names.length > 0) await sendNow(lastAttempts.size < MAX_PENDING ? names : [all]);
    },
    count: (): number => lastAttempts.size,
    close(): void {
      isClosed = true;
      clearTimeout(retry);
    },
  };
}
