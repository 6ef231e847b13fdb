import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../access/caller.ts';
import { createError } from '../errors.ts';
import { RequestErrors } from '../graphql/documents.ts';
import { isMutation, isSubscription, type CostMode, type Operation, type Prepare } from '../graphql/operation.ts';
import { refuse, type Run } from '../graphql/run.ts';
import { serialise, type GraphQLResponse } from '../graphql/stages/serialise.ts';
import { sendAsEvents } from './event-stream.ts';
import { costMode, readGraphQLRequest } from './graphql-request.ts';
import { HttpError } from './http-error.ts';
import { negotiate, RESPONSE_TYPE, wantOfEvents } from './media-types.ts';
import type { Subscriptions } from './subscriptions.ts';
import { varyBy } from './vary.ts';

export interface GraphQLHandlerOptions {
  readonly prepare: Prepare;
  readonly run: Run;
  readonly bodyBytes: number;
  readonly subscriptions: Subscriptions;
}

/**
 * Answers GraphQL requests by GET and POST, as specified by GraphQL over HTTP and GraphQL over SSE. It parses the request
 * itself, since creating a stream and Fetch objects for each would cost more than most queries.
 */
export function createGraphQLHandler({ prepare, run, bodyBytes, subscriptions }: GraphQLHandlerOptions) {
  return async (request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<void> => {
    const wanted = wantedOf(request);
    const asked = await readGraphQLRequest(request, bodyBytes);
    const refresh = request.headers['cache-control']?.toLowerCase().includes('no-cache') === true;
    const origin = { caller, signal: goneSignal(response), refresh, costMode: wanted.costMode };
    let operation: Operation;
    try {
      operation = prepare(asked, origin);
    } catch (error) {
      if (error instanceof RequestErrors) return send(response, wanted, serialise({ errors: error.errors }));
      throw error;
    }
    if (isMutation(operation) && request.method === 'GET')
      throw new HttpError(405, 'Expected a mutation by POST, got GET.', { allow: 'POST' });
    if (isSubscription(operation)) {
      assertStream(wanted);
      if (refuse(operation) === undefined) return subscriptions.answer(request, response, operation);
    }
    return send(response, wanted, await run.respond(operation));
  };
}

/** How the client wants to be answered. */
interface Wanted {
  /** Undefined for an event stream. */
  readonly type: ReturnType<typeof negotiate>;
  readonly events: ReturnType<typeof wantOfEvents>;
  readonly costMode: CostMode | undefined;
}

/** @throws HttpError 406 when the client accepts nothing that there is */
function wantedOf({ headers }: IncomingMessage): Wanted {
  const events = wantOfEvents(headers.accept);
  const type = events === 'only' ? undefined : negotiate(headers.accept);
  if (type === undefined && events === 'none')
    throw new HttpError(406, `Expected to be allowed to answer with ${RESPONSE_TYPE} or application/json.`);
  const mode = costMode(headers['graphql-cost']);
  if (type === undefined && mode !== undefined) throw costOfStream();
  return { type, events, costMode: mode };
}

/** @throws HttpError 406 unless a subscription can be answered as wanted */
function assertStream({ events, costMode: mode }: Wanted): void {
  if (mode !== undefined) throw costOfStream();
  if (events === 'none')
    throw new HttpError(406, 'Expected a subscription to come with the header "accept: text/event-stream".');
}

const costOfStream = () =>
  new HttpError(406, 'Expected the header "graphql-cost" with an answer in JSON, got a request for an event stream.');

/** A signal that aborts when the client goes away before it has the whole response. */
function goneSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    // Every response closes, and an error records where it was made.
    if (!response.writableFinished) controller.abort(createError('TIMEOUT', 'The request was given up.'));
  });
  return controller.signal;
}

function send(response: ServerResponse, { type }: Wanted, answer: GraphQLResponse): void {
  if (type === undefined) return sendAsEvents(response, answer);
  // With application/json, the status is 200 so that proxies and old clients can tell that GraphQL itself has answered.
  response.writeHead(type === RESPONSE_TYPE ? answer.status : 200, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': answer.body.length,
    ...answer.headers,
    vary: varyBy(response, answer.headers['vary'] ?? 'Accept'),
  });
  response.end(answer.body);
  return undefined;
}
