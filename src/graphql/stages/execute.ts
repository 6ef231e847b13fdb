import { execute as executeByGraphqlJs, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { AnswerSize, type AnswerLimits } from '../answer-size.ts';
import { createError, type CodedError } from '../../errors.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { RateLimit } from '../../rate-limit/rate-limit.ts';
import { SHORT_OF_MEMORY, type MemoryWatch } from '../../telemetry/memory.ts';
import { within } from '../../time-limit.ts';
import { noted } from '../../telemetry/stalls.ts';
import { Work } from '../../turns.ts';
import { retryInconsistent } from '../retry-inconsistent.ts';
import type { CreateContext } from '../context.ts';
import type { FairQueue } from '../fair-queue.ts';
import { executePlan, type ExecutionInputs } from '../execute-plan.ts';
import { isMutation, REQUEST_COST, workOf, type Operation } from '../operation.ts';

export interface ExecuteOptions {
  readonly schema: GraphQLSchema;
  readonly createContext: CreateContext;
  /** Shares out the executions among clients. */
  readonly queue: FairQueue;
  readonly rateLimit: Pick<RateLimit, 'limit' | 'spend' | 'add'>;
  /** How long one execution may take, waiting for its turn included, and how large its result may be. */
  readonly limits: AnswerLimits & { readonly requestMs: number };
  readonly memory: Pick<MemoryWatch, 'isShort'>;
  readonly metrics: Pick<Metrics, 'executions' | 'retriedReads'>;
}

export type Execute = ReturnType<typeof createExecute>;

type Limited = <Result>(run: () => Promise<Result>) => Promise<Result>;
const atOnce: Limited = (run) => run();

/** A result, with about how many bytes it takes as JSON; undefined if that was not counted. */
export interface Answer extends ExecutionResult {
  readonly bytes?: number;
}

/**
 * Creates the function that runs something for which its client spends the rest of the operation's cost, and gets back what was not
 * used.
 */
function createCharged(rateLimit: ExecuteOptions['rateLimit']) {
  return async <Result>(
    { client, measured, patience }: Operation,
    isEvent: boolean,
    run: (used: (cost: number) => void) => Promise<Result>,
  ): Promise<Result> => {
    // What costs more than the limit counts as much as that.
    const cost = Math.max(0, Math.min(measured.cost.requested, rateLimit.limit) - REQUEST_COST);
    // A subscription that has begun gets its events.
    const asked = isEvent ? rateLimit.add(client, cost) : rateLimit.spend(client, cost, patience);
    if (asked !== undefined) await asked;
    let usedCost = 0;
    try {
      return await run((used) => (usedCost = used));
    } finally {
      const unused = cost - Math.max(0, usedCost - REQUEST_COST);
      if (unused > 0) rateLimit.add(client, -unused);
    }
  };
}

/**
 * Executes operations, each in a context of its own: graphql-js executes those with introspection; everything else is executed by
 * its plan. Retries a query whose reads were inconsistent, but not a mutation, which has written by then.
 */
export function createExecute({ schema, createContext, queue, rateLimit, limits, memory, metrics }: ExecuteOptions) {
  const { requestMs } = limits;
  const charged = createCharged(rateLimit);
  const executions = { plain: metrics.executions.labels('plain'), planned: metrics.executions.labels('planned') };
  const executePlain = async (operation: Operation, inputs: ExecutionInputs): Promise<Answer> => {
    const { rootValue, contextValue, signal, size } = inputs;
    const refused = new AbortController();
    size.onRefusal = (refusal) => refused.abort(tooLarge(operation, refusal));
    const run = () =>
      noted(inputs.noted, () =>
        executeByGraphqlJs({
          schema,
          document: operation.document.document,
          operationName: operation.name,
          variableValues: operation.rawVariables,
          contextValue,
          rootValue,
          abortSignal: AbortSignal.any([signal, refused.signal]),
        }),
      );
    try {
      return await run();
    } finally {
      refused.signal.throwIfAborted();
    }
  };
  /**
   * Rejects with TIMEOUT when time is up, with SERVICE_UNAVAILABLE when memory is short, with RATE_LIMITED when the client has spent
   * its cost per minute, with QUERY_TOO_COMPLEX when the result becomes too large, or with the reason of the operation's signal.
   * @param given.rootValue a subscription's event
   * @param given.limited limits how many executions of a kind that have their turn run at the same time
   * @param given.tags collects the tags (`batch/tags.ts`) of everything that is read
   */
  return async (
    operation: Operation,
    given: { readonly tags: Set<string>; readonly rootValue?: unknown; readonly limited?: Limited },
  ): Promise<Answer> => {
    const { tags, rootValue, limited = atOnce } = given;
    const { document, definition, variables } = operation;
    const plan = noted(workOf('prepare', operation), () =>
      document.plan(definition, variables, operation.caller.scopes),
    );
    executions[plan === undefined ? 'plain' : 'planned'].inc();
    return within(timeLimit(operation, requestMs), (signal) =>
      charged(operation, rootValue !== undefined, (used) => {
        const run = async (client: string): Promise<Answer> => {
          const [size, work] = [new AnswerSize(limits, memory), new Work(client)];
          const contextValue = createContext(operation, { tags, signal, size, work });
          const inputs = {
            rootValue,
            contextValue,
            variables,
            signal,
            size,
            work,
            noted: workOf('execute', operation),
          };
          if (plan === undefined) return executePlain(operation, inputs);
          const result = await executePlan(plan, inputs);
          if (size.refusal !== undefined) throw tooLarge(operation, size.refusal);
          used(Math.max(size.cost.type, size.cost.field));
          return { ...result, bytes: size.bytes };
        };
        const { client, onJoined, onBegun } = operation;
        return queue.run({ client, cost: queuedCost(operation), signal, onJoined }, (whose) => {
          // It may have waited for long, or be for an event, which is retried.
          if (memory.isShort()) throw createError('SERVICE_UNAVAILABLE', SHORT_OF_MEMORY);
          used(operation.measured.cost.requested);
          onBegun?.();
          if (isMutation(operation)) return run(whose);
          return limited(() =>
            retryInconsistent(
              () => run(whose),
              () => metrics.retriedReads.inc(),
            ),
          );
        });
      }),
    );
  };
}

/** What a mutation counts for in the queue at least, however little it costs: it may wait for locks. */
const MUTATION_COST = 2_500;

const queuedCost = (operation: Operation): number =>
  Math.max(1, operation.measured.cost.requested, isMutation(operation) ? MUTATION_COST : 0);

const WRITES_DONE =
  'Some of its writes may be done: check before you send it again, or send it with the same idempotencyKey to find out.';

/** What is left of an operation's time. */
export const timeLimit = (operation: Operation, requestMs: number) => ({
  ms: Math.max(0, requestMs - (operation.heldMs ?? 0)),
  timeoutError: () => tookTooLong(operation, requestMs),
  signal: operation.signal,
});

/** Fields of a mutation are transactions of their own, and the first ones may be committed when time is up in the next. */
function tookTooLong(operation: Operation, requestMs: number): Error {
  const advice = isMutation(operation) ? `. ${WRITES_DONE}` : '; request less at once.';
  return createError('TIMEOUT', `The request took longer than ${requestMs} ms${advice}`);
}

/** What was refused so late may have been preceded by writes. */
function tooLarge(operation: Operation, refusal: CodedError): CodedError {
  return isMutation(operation) ? createError(refusal.code, `${refusal.message} ${WRITES_DONE}`) : refusal;
}
