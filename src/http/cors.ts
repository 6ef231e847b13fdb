import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Route } from './server.ts';
import { varyBy } from './vary.ts';

/** Response headers that a page may read, in addition to those that browsers always expose. */
const EXPOSED_HEADERS = 'Age, Allow, ETag, GraphQL-Cost, Retry-After, X-Cache';

// The longest that Chromium caches a preflight response; other browsers would cache it for longer.
const PREFLIGHT_SECONDS = 7_200;

/**
 * Lets pages of other origins read these routes (the setting CORS_ORIGINS). Credentials are never allowed: callers are
 * identified by their `Authorization` header, which needs no such permission, and cookies have no meaning here. A page of an
 * origin that is not listed gets a response without CORS headers, which its browser withholds from it.
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
    // Also for refused origins and requests without one, so that a cache does not serve their responses to others.
    response.setHeader('vary', varyBy(response, 'Origin'));
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return;
    response.setHeader('access-control-allow-origin', origin);
    if (request.method === 'OPTIONS') answerPreflight(request, { response, methods: route.methods });
    else response.setHeader('access-control-expose-headers', EXPOSED_HEADERS);
  },
});

/**
 * Allows whatever headers are requested. Clients and their monitoring send many of their own; unknown ones have no effect, and
 * none can make a browser send credentials.
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
