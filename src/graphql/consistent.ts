import type { ExecutionResult } from 'graphql';
import { isChangedMeanwhile } from '../errors.ts';

// Each run meets a deletion between two of its statements: rare, and three times in a row next to impossible.
const MOST_RUNS = 3;

/**
 * What comes of running a read, which is begun anew when something that it had read was deleted under its hands: then the
 * answer is that of after the deletion. What is torn a third time is answered with the error.
 * @param run each time with loaders of its own
 * @param again is called before each run but the first
 */
export async function consistently(
  run: () => PromiseLike<ExecutionResult> | ExecutionResult,
  again: () => void,
): Promise<ExecutionResult> {
  for (let runs = 1; ; runs += 1) {
    const result = await run();
    if (runs === MOST_RUNS || result.errors?.some(isChangedMeanwhile) !== true) return result;
    again();
  }
}
