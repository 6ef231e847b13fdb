import { Readable } from 'node:stream';
import {
  createSourceEventStream,
  mapSourceToResponseEvent,
  validateSubscriptionArgs,
  type GraphQLSchema,
} from 'graphql';
import pLimit from 'p-limit';
import type { StreamEvent } from '../../crm/context.ts';
import { isGiven } from '../../given.ts';
import { Work } from '../../turns.ts';
import { AnswerSize, type AnswerLimits } from '../answer-size.ts';
import { exposedCode } from '../coded-errors.ts';
import type { CreateContext } from '../context.ts';
import type { Operation } from '../operation.ts';
import type { Answer, Execute } from './execute.ts';
import { mask, type MaskError } from './mask.ts';
import { serialise as serialiseSmall, type GraphQLResponse, type Serialise } from './serialise.ts';

export interface SubscribeOptions {
  readonly schema: GraphQLSchema;
  readonly createContext: CreateContext;
  readonly maskError: MaskError;
  /** Never rejects, and masks errors. */
  readonly executeMasked: Execute;
  readonly serialise: Serialise;
  readonly eventsAtOnce: number;
  readonly limits: AnswerLimits;
}

/** The results of a subscription, one for each event; a single one, with errors, if it could not begin. */
type Results = Answer | AsyncIterable<Answer>;

/**
 * Executes a subscription once for each event from its field's `subscribe`. The field's `subscribe` and `resolve` are in
 * src/crm/customer/resolvers.ts. Each result is read from the database, within a request's time limit. Its
 * `extensions.stream.state` says whether changes made through other gateways are noticed. A result without data is the last one,
 * unless its errors are transient: then it is retried.
 * @returns a function that gives masked results as JSON in UTF-8; only one, with errors, when the subscription cannot begin
 */
export function createSubscribe({
  schema,
  createContext,
  maskError,
  executeMasked,
  serialise,
  eventsAtOnce,
  limits,
}: SubscribeOptions) {
  const limited = pLimit(eventsAtOnce);

  async function begin(operation: Operation): Promise<Results> {
    const { document, name, rawVariables, signal } = operation;
    const valid = validateSubscriptionArgs({
      schema,
      document: document.document,
      operationName: name,
      variableValues: rawVariables,
      contextValue: createContext(operation, {
        tags: new Set(),
        signal,
        size: new AnswerSize(limits),
        work: new Work(operation.client),
      }),
    });
    if (!('schema' in valid)) return { errors: valid };
    const events = await createSourceEventStream(valid);
    if (!(Symbol.asyncIterator in events)) return events;
    return mapSourceToResponseEvent(valid, events, ({ rootValue }) => readEvent(operation, rootValue as StreamEvent));
  }

  /** Limited when it is their client's turn, so that one with many events holds up nobody else's. */
  async function readEvent(operation: Operation, event: StreamEvent): Promise<Answer> {
    const result =
      (await refusal(operation)) ?? (await executeMasked(operation, { tags: new Set(), rootValue: event, limited }));
    return withStreamState(event, result);
  }

  /** What to send instead of an event's result if the caller's permissions have been withdrawn since the subscription began. */
  async function refusal({ caller, client }: Operation): Promise<Answer | undefined> {
    if (caller.recheck === undefined) return undefined;
    const checked = await mask<Answer>(
      caller.recheck().then(() => ({})),
      maskError,
      client,
    );
    return checked.errors === undefined ? undefined : checked;
  }

  return async (operation: Operation): Promise<AsyncIterable<Buffer>> =>
    serialised(await mask(begin(operation), maskError, operation.client), (result) => serialise(operation, result));
}

/** Not a generator, whose `return` would wait for the next result. */
function serialised(results: Results, serialise: (result: Answer) => Promise<GraphQLResponse>): AsyncIterable<Buffer> {
  if (!(Symbol.asyncIterator in results)) return Readable.from([serialiseSmall(results).body]);
  const iterator = results[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const { done, value } = await iterator.next();
        return done === true ? { done, value: undefined } : { done: false, value: (await serialise(value)).body };
      },
      async return() {
        await iterator.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}

/** Retries or ends the subscription if its event could not be read, and adds the stream's state to the result. */
function withStreamState(event: StreamEvent, result: Answer): Answer {
  if (result.errors?.some((error) => TRANSIENT.has(exposedCode(error)))) event.retry();
  else if (!isGiven(result.data)) event.end();
  return { ...result, extensions: { stream: { state: event.state } } };
}

/** Errors after which the event is read again later. */
const TRANSIENT: ReadonlySet<unknown> = new Set(['TIMEOUT', 'SERVICE_UNAVAILABLE']);
