import type { createGraphQLFront } from './graphql-front.ts';
import { ANYBODY } from '../access/caller.ts';
import { assertJsonBody, HttpError, parseGet, prefers, queryString } from './graphql-request.ts';
import type { Handler, Route } from './server.ts';

/**
 * The route of GraphQL: plain requests go to the front; GraphiQL and event streams, which nobody needs fast, to Yoga's
 * handler, once it is sure that it can read them.
 */
export function createGraphQLRoute({
  front,
  yoga,
}: {
  front: ReturnType<typeof createGraphQLFront>;
  yoga: Handler;
}): Route {
  return {
    methods: ['GET', 'POST'],
    handle(request, response) {
      const { accept, host, 'content-type': contentType } = request.headers;
      const isPage = request.method === 'GET' && prefers('text/html', accept);
      if (!isPage && !prefers('text/event-stream', accept)) return front(request, response, ANYBODY);
      // Yoga would read forms, which any page may send here without asking first.
      if (request.method === 'POST') assertJsonBody(contentType);
      else if (!isPage) parseGet(queryString(request));
      if (!URL.canParse(`http://${host}${request.url}`))
        throw new HttpError(400, 'Expected a host name in the header "host", got something else.');
      return yoga(request, response);
    },
  };
}
