const RETRY_MS = 100;
const MAX_PENDING = 1_000;

/**
 * Names of tags or channels that Redis has not been told yet. Sending them is retried until it succeeds.
 * @param attempt sends names to Redis; resolves with undefined when that failed
 * @param all the name that stands for all others: it is sent instead while 1,000 are pending
 */
export function createPending<Sent>(attempt: (names: readonly string[]) => Promise<Sent | undefined>, all: string) {
  /** By name, the latest attempt to send it: an earlier attempt that succeeds does not cover a later write. */
  const lastAttempts = new Map<string, number>();
  /** Those of them that an attempt has failed for. */
  const failed = new Set<string>();
  let attempts = 0;
  /** Since the last success: when the first attempt had failed, and when the latest failed attempt began. */
  let failures = 0;
  let failing: { readonly sinceMs: number; readonly lastBeganMs: number } | undefined;
  let waiting: { readonly failingMs: number; readonly goOn: (isSent: boolean) => void }[] = [];
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  const sendNow = async (names: readonly string[]): Promise<Sent | undefined> => {
    attempts += 1;
    const number = attempts;
    for (const name of names) lastAttempts.set(name, number);
    const beganMs = performance.now();
    const sent = await attempt(names);
    const isSent = sent !== undefined;
    if (!isSent) failures += 1;
    failing = isSent ? undefined : { sinceMs: failing?.sinceMs ?? performance.now(), lastBeganMs: beganMs };
    for (const name of names)
      if (!isSent && lastAttempts.has(name)) failed.add(name);
      else if (isSent && lastAttempts.get(name) === number) {
        lastAttempts.delete(name);
        failed.delete(name);
      }
    if (!isSent && !isClosed && retry === undefined) retry = setTimeout(() => void retryAll(), RETRY_MS).unref();
    return sent;
  };
  const retryAll = async (): Promise<void> => {
    retry = undefined;
    // What begins to wait during this attempt may be for a name that it does not send.
    const covered = waiting;
    waiting = [];
    const names = [...lastAttempts.keys()];
    const isSent = names.length === 0 || (await sendNow(names)) !== undefined;
    for (const one of covered)
      if (isSent || isClosed || hasFailedFor(one.failingMs)) one.goOn(isSent);
      else waiting.push(one);
  };
  const hasFailedFor = (ms: number): boolean => failing !== undefined && failing.lastBeganMs - failing.sinceMs >= ms;

  return {
    /** Resolves with what the attempt gave. If it has failed, a retry is scheduled. */
    send: (names: readonly string[]): Promise<Sent | undefined> =>
      sendNow(lastAttempts.size < MAX_PENDING ? names : [all]),
    /**
     * Resolves with true when all that is pending now was sent, or with false when every attempt of the last `failingMs` has failed,
     * and at least two.
     */
    sentOrFailingFor: (failingMs: number): Promise<boolean> =>
      new Promise((resolve) => {
        if (lastAttempts.size === 0 || isClosed || hasFailedFor(failingMs)) resolve(lastAttempts.size === 0);
        else waiting.push({ failingMs, goOn: resolve });
      }),
    /** Whether an attempt has failed for any that is pending now: whoever waited for it may go on before Redis has the name. */
    hasFailed: (): boolean => failed.size > 0,
    /** How many attempts have failed, ever. */
    failures: (): number => failures,
    close(): void {
      isClosed = true;
      clearTimeout(retry);
      for (const { goOn } of waiting) goOn(false);
    },
  };
}
