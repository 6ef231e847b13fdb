import type { Deadline } from '../batch/loaders.ts';
import { createError } from '../errors.ts';

/** The result of a promise, or TIMEOUT. On a timeout the deadline is over, and a later result is dropped. */
export async function within<Result>(
  timeoutMs: number,
  running: PromiseLike<Result> | Result,
  deadline: Deadline,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = () => createError('TIMEOUT', `The request took longer than ${timeoutMs} ms; ask for less at once.`);
    timer = setTimeout(() => {
      deadline.isOver = true;
      reject(error());
    }, timeoutMs);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}
