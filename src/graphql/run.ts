import type { ResponseCache } from '../cache/response-cache.ts';
import type { Operation } from './operation.ts';
import { authorise } from './stages/authorise.ts';
import { bound } from './stages/bound.ts';
import { createExecute, type ExecuteOptions } from './stages/execute.ts';
import { mask, type MaskError } from './stages/mask.ts';
import { costAlone, reportCost } from './stages/report-cost.ts';
import { serialise, type GraphQLResponse } from './stages/serialise.ts';
import { createSharedCache } from './stages/shared-cache.ts';
import { createSubscribe, type Results } from './stages/subscribe.ts';

export interface RunOptions extends ExecuteOptions {
  /** Undefined when responses are not cached. */
  readonly cache: ResponseCache | undefined;
  readonly maskError: MaskError;
  /** How many subscription events are executed concurrently, so that their reads leave connections for requests. */
  readonly eventsAtOnce: number;
}

export type Run = ReturnType<typeof createRun>;

/** A subscription that may begin. */
export interface Subscription {
  /** The results, one for each event until the signal aborts; a single one, with errors, if it could not begin. */
  start(signal: AbortSignal): Promise<Results>;
}

/**
 * Creates the functions that take an operation through the stages. They never reject: a failure is a response with errors, which
 * are masked and have codes.
 */
export function createRun(options: RunOptions) {
  const { maskError } = options;
  const sharedCache = createSharedCache(options.cache);
  const execute = createExecute(options);
  const executeMasked: typeof execute = (operation, inputs) => mask(execute(operation, inputs), maskError);
  const subscribe = createSubscribe({ ...options, executeMasked });

  return {
    /**
     * The response to a query or mutation, by these stages in order:
     * authorise, bound, cost alone -> cache (execute, mask, serialise) -> report cost.
     */
    async respond(operation: Operation): Promise<GraphQLResponse> {
      const response =
        responseInstead(operation) ??
        (await sharedCache(operation, async (tags) => serialise(await executeMasked(operation, { tags }))));
      return reportCost(operation, response);
    },
    /** A subscription, or the response to one that is not to begin. */
    subscribe(operation: Operation): Subscription | GraphQLResponse {
      const response = responseInstead(operation);
      return response === undefined
        ? { start: (signal) => subscribe({ ...operation, signal }) }
        : reportCost(operation, response);
    },
  };
}

/** The response to an operation that is not to be run: refused, or only asked what it would cost. Undefined for all others. */
function responseInstead(operation: Operation): GraphQLResponse | undefined {
  const refusals = authorise(operation);
  const errors = refusals.length > 0 ? refusals : bound(operation);
  return errors.length > 0 ? serialise({ errors }) : costAlone(operation);
}
