import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Route } from './server.ts';
import { varyBy } from './vary.ts';

/** What a page may read of an answer, beside the few headers that every browser lets it read. */
const EXPOSED_HEADERS = 'Age, Allow, ETag, GraphQL-Cost, Retry-After, X-Cache';

// The longest that Chromium keeps the answer to a preflight; others keep it longer if told so.
const PREFLIGHT_SECONDS = 7_200;

/**
 * Makes routes readable for pages of other origins (the setting CORS_ORIGINS). Credentials are never allowed: a caller is
 * known by its `Authorization` header, which needs no such permission, and cookies mean nothing here. A page of an origin
 * that is not listed gets the answer without a word of CORS, so its browser keeps the answer from it.
 * @param origins as browsers send them, such as `https://app.example.com`
 */
export function shareWith(
  origins: readonly string[],
  routes: Readonly<Record<string, Route>>,
): Readonly<Record<string, Route>> {
  if (origins.length === 0) return routes;
  const allowed = new Set(origins);
  return Object.fromEntries(Object.entries(routes).map(([path, route]) => [path, sharedRoute(route, allowed)]));
}

const sharedRoute = (route: Route, allowed: ReadonlySet<string>): Route => ({
  ...route,
  prepare(request, response) {
    // For origins that are refused, and requests without one, too: a cache must not hand their answers to others.
    response.setHeader('vary', varyBy(response, 'Origin'));
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return;
    response.setHeader('access-control-allow-origin', origin);
    if (request.method === 'OPTIONS') answerPreflight(request, { response, methods: route.methods });
    else response.setHeader('access-control-expose-headers', EXPOSED_HEADERS);
  },
});

/**
 * Allows whatever headers are asked for. Clients and their monitoring send many of their own, those that are not known here
 * do nothing, and none can make a browser send credentials.
 */
function answerPreflight(
  { headers }: IncomingMessage,
  { response, methods }: { response: ServerResponse; methods: readonly string[] },
): void {
  response.setHeader('access-control-allow-methods', methods.join(', '));
  response.setHeader('access-control-max-age', PREFLIGHT_SECONDS);
  response.setHeader('vary', varyBy(response, 'Access-Control-Request-Headers'));
  const asked = headers['access-control-request-headers'];
  if (asked !== undefined) response.setHeader('access-control-allow-headers', asked);
}
