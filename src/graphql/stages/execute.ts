import { execute as executeByGraphqlJs, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { createError } from '../../errors.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { within } from '../../time-limit.ts';
import { retryInconsistent } from '../retry-inconsistent.ts';
import type { CreateContext } from '../context.ts';
import type { FairQueue } from '../fair-queue.ts';
import { executePlan } from '../execute-plan.ts';
import { isMutation, type Operation } from '../operation.ts';

export interface ExecuteOptions {
  readonly schema: GraphQLSchema;
  readonly createContext: CreateContext;
  /** Shares out the executions among clients. */
  readonly queue: FairQueue;
  /** How long one execution may take, waiting for its turn included. */
  readonly requestMs: number;
  readonly metrics: Pick<Metrics, 'executions' | 'retriedReads'>;
}

export type Execute = ReturnType<typeof createExecute>;

/**
 * Executes operations, each in a context of its own: graphql-js executes introspection, and operations with null for @skip or
 * @include; everything else is executed by its plan. Retries a query whose reads were inconsistent, but not a mutation, which has
 * written by then.
 */
export function createExecute({ schema, createContext, queue, requestMs, metrics }: ExecuteOptions) {
  const executions = { plain: metrics.executions.labels('plain'), planned: metrics.executions.labels('planned') };
  /**
   * Rejects with TIMEOUT when time is up, or with the reason of the operation's signal.
   * @param inputs.rootValue a subscription's event
   * @param inputs.tags collects the tags (`batch/tags.ts`) of everything that is read
   */
  return async (
    operation: Operation,
    inputs: { readonly tags: Set<string>; readonly rootValue?: unknown },
  ): Promise<ExecutionResult> => {
    const { tags, rootValue } = inputs;
    const { document, definition, variables } = operation;
    const plan = document.plan(definition, variables);
    executions[plan === undefined ? 'plain' : 'planned'].inc();
    const timeoutError = () => tookTooLong(operation, requestMs);
    return within({ ms: requestMs, timeoutError, signal: operation.signal }, (signal) => {
      const run = () => {
        const contextValue = createContext(operation, { tags, signal });
        if (plan !== undefined) return executePlan(plan, { rootValue, contextValue, variables, signal });
        return executeByGraphqlJs({
          schema,
          document: document.document,
          operationName: operation.name,
          variableValues: operation.rawVariables,
          contextValue,
          rootValue,
        });
      };
      const turn = { client: operation.client, cost: queuedCost(operation, queue.maxCostPerClient), signal };
      return queue.run(turn, () =>
        isMutation(operation) ? run() : retryInconsistent(run, () => metrics.retriedReads.inc()),
      );
    });
  };
}

/**
 * What an operation counts for in the queue. A mutation may wait for locks, however little it costs: so a client has two of them
 * executed at a time, and cannot have all connections for writes.
 */
const queuedCost = (operation: Operation, maxCostPerClient: number): number =>
  Math.max(1, operation.measured.cost.requested, isMutation(operation) ? maxCostPerClient / 2 : 0);

/** Fields of a mutation are transactions of their own, and the first ones may be committed when time is up in the next. */
function tookTooLong(operation: Operation, requestMs: number): Error {
  const advice = isMutation(operation)
    ? '. Some of its writes may be done: check before you send it again, or send it with the same idempotencyKey to find out.'
    : '; request less at once.';
  return createError('TIMEOUT', `The request took longer than ${requestMs} ms${advice}`);
}
