/** A request may wait for Redis for a quarter longer than one command may take: for 50 ms by default. */
const PATIENCE = 1.25;
/** Timers are no more exact than that. */
const LEAST_MS = 1;

/** How long a request waits for Redis, in all that it asks of it. */
export class Patience {
  readonly #timeoutMs: number;
  #leftMs: number;

  /** @param timeoutMs the longest that a command may take */
  constructor(timeoutMs: number, leftMs = PATIENCE * timeoutMs) {
    this.#timeoutMs = timeoutMs;
    this.#leftMs = leftMs;
  }

  /**
   * Waits for an answer, for as long as there is patience left.
   * @param ask asks Redis; not called if there is none left
   * @returns undefined if the answer has not come in time
   */
  async wait<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
    if (this.#leftMs < LEAST_MS) return undefined;
    const askedMs = performance.now();
    const answer = ask();
    try {
      return await (this.#leftMs < this.#timeoutMs ? Promise.race([answer, afterPending(this.#leftMs)]) : answer);
    } finally {
      // A command takes longer only if the gateway itself is late, which is no reason to ask Redis less.
      this.#leftMs -= Math.min(this.#timeoutMs, performance.now() - askedMs);
    }
  }

  /** The same for what was asked already, and goes on whether somebody waits for it or not. */
  async waitFor<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
    asked.catch(() => undefined);
    return this.wait(() => asked);
  }
}

/** Resolves after some time, and once pending input was read. */
const afterPending = (ms: number): Promise<undefined> =>
  new Promise((resolve) => {
    setTimeout(() => setImmediate(resolve, undefined), ms);
  });
