/**
 * Runs something until it ends, `signal` aborts, or its time is up. A result that comes after that is dropped.
 * @param limit `late` makes the error when the time is up
 * @param run gets a signal that aborts in both cases, with the reason that this rejects with
 */
export function within<Result>(
  limit: { readonly ms: number; readonly late: () => Error; readonly signal?: AbortSignal },
  run: (signal: AbortSignal) => PromiseLike<Result> | Result,
): Promise<Result> {
  const { ms, late, signal: outer } = limit;
  const controller = new AbortController();
  return new Promise<Result>((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', follow);
    };
    const give = (reason: unknown): void => {
      end();
      controller.abort(reason);
      reject(reason);
    };
    const follow = (): void => give(outer?.reason);
    const timer = setTimeout(() => give(late()), ms);
    if (outer?.aborted === true) return follow();
    outer?.addEventListener('abort', follow, { once: true });
    // Called in a promise's way, so that what it throws at once is a rejection too.
    Promise.try(run, controller.signal).then(resolve, reject).finally(end);
  });
}
