/** A signal that never aborts: for what is read on behalf of nobody who could stop waiting. */
export const NEVER: AbortSignal = new AbortController().signal;

/**
 * Runs a function until it ends, `limit.signal` aborts, or its time is up. A result that comes later is dropped.
 * @param limit `timeoutError` creates the error for when time is up
 * @param run gets a signal that aborts when the promise rejects, with the same reason: what it has begun is of no use any more
 */
export function within<Result>(
  limit: { readonly ms: number; readonly timeoutError: () => Error; readonly signal?: AbortSignal },
  run: (signal: AbortSignal) => PromiseLike<Result> | Result,
): Promise<Result> {
  const { ms, timeoutError, signal: outer } = limit;
  const controller = new AbortController();
  return new Promise<Result>((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', follow);
    };
    const abort = (reason: unknown): void => {
      end();
      controller.abort(reason);
      reject(reason);
    };
    const follow = (): void => abort(outer?.reason);
    const timer = setTimeout(() => abort(timeoutError()), ms);
    if (outer?.aborted === true) return follow();
    outer?.addEventListener('abort', follow, { once: true });
    // What `run` throws synchronously becomes a rejection too.
    Promise.try(run, controller.signal).finally(end).then(resolve, abort);
  });
}
