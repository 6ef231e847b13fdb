import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../access/caller.ts';
import { givenUp } from '../errors.ts';
import type { CostMode } from '../graphql/operation.ts';
import type { Respond } from '../graphql/run.ts';
import type { GraphQLResponse } from '../graphql/stages/serialise.ts';
import { parseCacheControl } from './cache-control.ts';
import { insufficientScope } from './challenges.ts';
import { clientOf } from './client-of.ts';
import { acceptedEncoding } from './content-encoding.ts';
import { assertOwnPage } from './cors.ts';
import { sendAsEvents } from './event-stream.ts';
import { hasETag } from './etag.ts';
import { costMode, readGraphQLRequest, reportsCache, type BodyLimits } from './graphql-request.ts';
import { HttpError } from './http-error.ts';
import type { KnownRequests } from './known-requests.ts';
import { eventStreamSupport, JSON_TYPE, negotiate, RESPONSE_TYPE } from './media-types.ts';
import type { Subscriptions } from './subscriptions.ts';
import { varyBy } from './vary.ts';

export interface GraphQLHandlerOptions {
  readonly respond: Respond;
  readonly body: BodyLimits;
  /** Of pages that may send queries by GET, besides those of this gateway. */
  readonly corsOrigins: readonly string[];
  /** Whether responses are compressed. */
  readonly compresses: boolean;
  /** Whether responses may have a report of what the cache did: not in production, since it shows what a response depends on. */
  readonly explains: boolean;
  /**
   * Counts a request of a client (`clientOf`), or as many as a long one counts as. Returns the function to call when it has been
   * handled.
   * @throws HttpError 429 or 503 when it must not be handled now
   */
  readonly admit: (client: string, size: number) => () => void;
  readonly subscriptions: Subscriptions;
  /** Undefined when no responses are cached. */
  readonly known: Pick<KnownRequests, 'keep' | 'lookupOf'> | undefined;
}

/**
 * Creates the handler of GraphQL requests by GET, HEAD and POST, as specified by GraphQL over HTTP and GraphQL over SSE. It reads
 * node:http's requests itself, since creating Fetch objects and a stream for each would cost more than most queries.
 */
export function createGraphQLHandler(options: GraphQLHandlerOptions) {
  const { respond, body, corsOrigins, compresses, explains, admit, subscriptions, known } = options;
  return async (request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<void> => {
    if (request.method !== 'POST') assertOwnPage(request.headers, corsOrigins);
    const format = formatOf(request);
    const text = await readGraphQLRequest(request, body);
    const cacheControl = parseCacheControl(request.headers['cache-control']);
    // What becomes part of an event stream is not compressed.
    const mayEncode = compresses && format.type !== undefined;
    const accepted = acceptedEncoding(mayEncode ? request.headers['accept-encoding'] : undefined);
    const signal = disconnectSignal(response);
    const isSafe = request.method !== 'POST';
    const client = clientOf(request.socket, caller);
    const reports = {
      costMode: format.costMode,
      reportsCache: reportsCache(request.headers['graphql-cache'], explains),
    };
    const lookup = known?.lookupOf(request);
    const origin = { caller, client, signal, cacheControl, accepted, isSafe, lookup, ...reports };
    const release = admit(client, Math.max(1, Math.ceil(text.text.length / COUNTED_CHARACTERS)));
    const outcome = await respond(text, origin).finally(release);
    if (!('start' in outcome)) {
      send(response, format, outcome);
      const { repeatable } = outcome;
      // Events are sent otherwise.
      if (repeatable !== undefined && format.type !== undefined) known?.keep(response, caller, repeatable);
      return undefined;
    }
    assertEventStream(format);
    if (request.method === 'HEAD') throw subscriptionByHead();
    return subscriptions.serve(request, response, outcome);
  };
}

/** A request with a longer text counts as several, since the text is kept until it has been handled. */
const COUNTED_CHARACTERS = 16_384;

/** The format of the response that the client accepts. */
interface ResponseFormat {
  /** Undefined for an event stream. */
  readonly type: ReturnType<typeof negotiate>;
  readonly events: ReturnType<typeof eventStreamSupport>;
  readonly costMode: CostMode | undefined;
}

/** @throws HttpError 406 when the client accepts none of our media types */
function formatOf({ headers }: IncomingMessage): ResponseFormat {
  const events = eventStreamSupport(headers.accept);
  const type = events === 'only' ? undefined : negotiate(headers.accept);
  if (type === undefined && events === 'none')
    throw new HttpError(
      406,
      `Expected a client that accepts ${RESPONSE_TYPE} or application/json, got one that does not.`,
    );
  const mode = costMode(headers['graphql-cost']);
  if (type === undefined && mode !== undefined) throw costWithStream();
  return { type, events, costMode: mode };
}

/** @throws HttpError 406 when the client does not accept a subscription's event stream */
function assertEventStream({ events, costMode: mode }: ResponseFormat): void {
  if (mode !== undefined) throw costWithStream();
  if (events === 'none')
    throw new HttpError(406, 'Expected a subscription to come with the header "accept: text/event-stream".');
}

const costWithStream = () =>
  new HttpError(406, 'Expected the header "graphql-cost" with a response in JSON, got a request for an event stream.');

const subscriptionByHead = () =>
  new HttpError(405, 'Expected a subscription by GET or POST, got HEAD.', { allow: 'GET, POST' });

/** A signal that aborts when the client disconnects before it has the whole response. */
function disconnectSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => {
    // Also emitted after a response was sent whole, for which an error, with its stack trace, would be created in vain.
    if (!response.writableFinished) controller.abort(givenUp());
  });
  return controller.signal;
}

function send(response: ServerResponse, { type }: ResponseFormat, result: GraphQLResponse): void {
  const { req: request } = response;
  const { isRefusal = false, representation, neededScopes } = result;
  if (type === undefined && !isRefusal) return sendAsEvents(response, result);
  // The response to a POST does not represent what is at this address (RFC 9110, 9.3.3).
  const etag = request.method === 'POST' ? undefined : representation?.etag;
  const { encoding, bytes } = representation ?? { encoding: 'identity', bytes: result.body };
  const about = {
    ...result.headers,
    vary: varyBy(response, result.headers['vary'] ?? 'Accept'),
    ...(etag === undefined ? {} : { etag }),
  };
  if (etag !== undefined && hasETag(request.headers['if-none-match'], etag)) {
    response.writeHead(304, about).end();
    return undefined;
  }
  // With application/json, any GraphQL response has status 200, so that old clients can tell it from an error of a proxy.
  const status = type === RESPONSE_TYPE || isRefusal ? result.status : 200;
  response.writeHead(status, {
    ...about,
    // With another status, it would say nothing.
    ...(neededScopes === undefined || status !== 403 ? {} : insufficientScope(neededScopes)),
    'content-type': `${type ?? JSON_TYPE}; charset=utf-8`,
    'content-length': bytes.length,
    ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
  });
  response.end(bytes);
  return undefined;
}
