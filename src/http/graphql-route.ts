import type { IncomingMessage, ServerResponse } from 'node:http';
import type { createGraphQLHandler } from './graphql-handler.ts';
import type { Identify } from './identify.ts';
import { prefersPage } from './media-types.ts';
import type { Handler, Route } from './server.ts';
import { varyBy } from './vary.ts';

interface RouteOptions {
  readonly graphql: ReturnType<typeof createGraphQLHandler>;
  readonly identify: Identify;
  /** GraphiQL, which reads the parameters of its address itself. */
  readonly page: Handler;
}

/** The route of GraphQL. A browser that requests a page gets GraphiQL. */
export function createGraphQLRoute(options: RouteOptions): Route {
  return {
    methods: ['GET', 'HEAD', 'POST'],
    handle: (request, response) => handle(options, request, response),
  };
}

async function handle(
  { graphql, identify, page }: RouteOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, headers } = request;
  if (method !== 'POST' && !('graphql-cost' in headers) && prefersPage(headers.accept)) {
    response.setHeader('vary', varyBy(response, 'Accept'));
    return page(request, response);
  }
  const caller = await identify(request);
  // The client has disconnected meanwhile. What has not arrived of the request never will.
  if (response.destroyed) return undefined;
  return graphql(request, response, caller);
}
