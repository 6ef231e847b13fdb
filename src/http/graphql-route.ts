import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../access/caller.ts';
import type { createGraphQLHandler } from './graphql-handler.ts';
import { HttpError } from './http-error.ts';
import { prefersPage } from './media-types.ts';
import type { Handler, Route } from './server.ts';
import { varyBy } from './vary.ts';

interface RouteOptions {
  readonly graphql: ReturnType<typeof createGraphQLHandler>;
  readonly callerOf: (request: IncomingMessage) => Caller;
  readonly yoga: Handler;
}

/** The route of GraphQL. A browser that requests a page gets GraphiQL from Yoga's handler. */
export function createGraphQLRoute(options: RouteOptions): Route {
  return {
    methods: ['GET', 'POST'],
    handle: (request, response) => handle(options, request, response),
  };
}

async function handle(
  { graphql, callerOf, yoga }: RouteOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { accept, host } = request.headers;
  // Yoga's handler ignores this header, and would run an operation of which only the cost is requested.
  const requestsCost = 'graphql-cost' in request.headers;
  if (request.method !== 'GET' || requestsCost || !prefersPage(accept))
    return graphql(request, response, callerOf(request));
  if (!URL.canParse(`http://${host}${request.url}`))
    throw new HttpError(400, 'Expected a host name in the header "host", got something else.');
  response.setHeader('vary', varyBy(response, 'Accept'));
  // Yoga compares media types exactly, and would execute an operation if it found no such type.
  request.headers.accept = 'text/html';
  return yoga(request, response);
}
