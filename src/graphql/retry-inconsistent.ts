import { GraphQLError, type ExecutionResult } from 'graphql';
import { ChangedMeanwhile } from '../errors.ts';

// A run is inconsistent only if a deletion happens between two of its statements, which hardly ever happens three times in a row.
const MAX_RUNS = 3;

/**
 * Runs a read, and retries it if something that it had read was deleted meanwhile. If the third run is inconsistent as well, its
 * result is returned, with its error.
 * @param run must use new loaders each time
 * @param onRetry called before each run but the first
 */
export async function retryInconsistent(
  run: () => PromiseLike<ExecutionResult> | ExecutionResult,
  onRetry: () => void,
): Promise<ExecutionResult> {
  for (let runs = 1; ; runs += 1) {
    const result = await run();
    if (runs === MAX_RUNS || result.errors?.some(isChangedMeanwhile) !== true) return result;
    onRetry();
  }
}

const isChangedMeanwhile = (error: unknown): boolean =>
  error instanceof GraphQLError ? isChangedMeanwhile(error.originalError) : error instanceof ChangedMeanwhile;
