import { GraphQLError, type ExecutionResult } from 'graphql';
import { ChangedMeanwhile } from '../errors.ts';

// A retry is needed only if a deletion falls between two statements of the same run: rare, and three in a row next to
// impossible.
const MAX_RUNS = 3;

/**
 * Runs a read, and starts over if something it had read was deleted meanwhile, so that the answer is from after the deletion.
 * If the third run is torn as well, its error is the answer.
 * @param run must use new loaders each time
 * @param again called before each run but the first
 */
export async function consistently(
  run: () => PromiseLike<ExecutionResult> | ExecutionResult,
  again: () => void,
): Promise<ExecutionResult> {
  for (let runs = 1; ; runs += 1) {
    const result = await run();
    if (runs === MAX_RUNS || result.errors?.some(isChangedMeanwhile) !== true) return result;
    again();
  }
}

const isChangedMeanwhile = (error: unknown): boolean =>
  error instanceof GraphQLError ? isChangedMeanwhile(error.originalError) : error instanceof ChangedMeanwhile;
