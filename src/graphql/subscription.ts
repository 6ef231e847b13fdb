import {
  createSourceEventStream,
  mapSourceToResponseEvent,
  validateSubscriptionArgs,
  type ExecutionResult,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { ANYBODY } from '../access/caller.ts';
import type { Deadline } from '../batch/loaders.ts';
import type { StreamEvent } from '../crm/context.ts';
import { createError, exposedCode } from '../errors.ts';
import { pickOperation } from './analysis.ts';
import { consistently } from './consistent.ts';
import { within } from './deadline.ts';
import { executePlan } from './execute-plan.ts';
import type { ExecutionOptions, RequestContext } from './execution-options.ts';
import { maskAll } from './mask.ts';
import { coerceVariables } from './variables.ts';

/**
 * Runs a subscription's document once for each event from its field's `subscribe`, in a context of the event's own. Each result
 * is read anew, within a request's time limit. Its `extensions.stream.state` tells which changes are heard of. A result without
 * data is the last one, unless its errors are transient: then it is retried.
 */
export function useSubscription(options: ExecutionOptions): Plugin<RequestContext> {
  const { schema, documents, createContext, mask } = options;
  const inTurn = createTurns(options.eventsAtOnce);
  return {
    onSubscribe({ args, setSubscribeFn }) {
      const stored = documents.of(args.document);
      if (stored === undefined) throw new Error('a document was subscribed to that was not validated');
      const operation = pickOperation(stored.document, args.operationName);
      const { caller = ANYBODY, deadline = { isOver: false } } = args.contextValue;
      const contextOf = (own: Deadline) =>
        createContext({ caller, facts: stored.facts, deadline: own, tags: new Set() });
      setSubscribeFn(async () => {
        const values = args.variableValues ?? {};
        const variables = operation && coerceVariables(schema, operation, values);
        if (variables !== undefined && 'errors' in variables) return { errors: variables.errors };
        const plan = operation && variables && stored.plan(operation, variables);
        const contextValue = contextOf(deadline);
        const valid = validateSubscriptionArgs({ ...args, contextValue });
        if (!('schema' in valid)) return { errors: maskAll({ errors: valid }, mask) };
        if (variables === undefined) throw new Error('graphql found an operation that we did not');
        if (plan === undefined) return { errors: [nullCondition()] };
        const events = await createSourceEventStream(valid);
        if (!(Symbol.asyncIterator in events)) return { errors: maskAll(events, mask) };
        return mapSourceToResponseEvent(valid, events, (event) =>
          inTurn(async () => {
            const own = eventDeadline(deadline);
            const { rootValue } = event;
            const run = () => executePlan(plan, { rootValue, variables, contextValue: contextOf(own), deadline: own });
            return resultOf(rootValue as StreamEvent, () =>
              within(
                options.requestMs,
                consistently(run, () => options.metrics.repeatedReads.inc()),
                own,
              ),
            );
          }),
        );
      });
    },
  };

  async function resultOf(event: StreamEvent, execute: () => Promise<ExecutionResult>): Promise<ExecutionResult> {
    const { errors, ...rest } = await execute().catch((error: unknown): ExecutionResult => ({ errors: [mask(error)] }));
    const masked = errors && maskAll({ errors, ...rest }, mask);
    if (masked?.some((error) => PASSING.has(exposedCode(error)))) event.retry();
    else if ((rest.data ?? null) === null) event.end();
    const extensions = { stream: { state: event.state } };
    return { ...(masked === undefined ? {} : { errors: masked }), ...rest, extensions };
  }
}

/** Transient errors: what could not be read is sent once it can be. */
const nullCondition = () =>
  createError('BAD_USER_INPUT', 'Expected true or false for @skip and @include, got a variable that is null.');
const PASSING: ReadonlySet<unknown> = new Set(['TIMEOUT', 'SERVICE_UNAVAILABLE']);

/** Over when the event's own time is up, or when the subscription is over. */
function eventDeadline(subscription: Deadline): Deadline {
  let isLate = false;
  return {
    get isOver() {
      return isLate || subscription.isOver;
    },
    set isOver(isOver) {
      isLate = isOver;
    },
  };
}

/** Limits how many run at once; the others wait in the order in which they came. */
function createTurns(most: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async <Result>(run: () => Promise<Result>): Promise<Result> => {
    if (running < most) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
