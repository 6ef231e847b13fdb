import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';
import type { Route } from './server.ts';
import { varyBy } from './vary.ts';

/** Response headers that a page may read, in addition to those that browsers always expose. */
const EXPOSED_HEADERS = 'Age, Allow, ETag, GraphQL-Cost, Retry-After, WWW-Authenticate, X-Cache';

// Chromium caches preflight responses for no longer than this; other browsers would.
const PREFLIGHT_SECONDS = 7_200;

/**
 * Lets pages of other origins read these routes (the setting CORS_ORIGINS). Credentials are never allowed: callers are
 * identified by their `Authorization` header, which needs no such permission, and cookies are not used. The response to a page of
 * another origin has no CORS headers, so the browser does not let the page read it.
 * @param origins as browsers send them, such as `https://app.example.com`
 */
export function allowOrigins(
  origins: readonly string[],
  routes: Readonly<Record<string, Route>>,
): Readonly<Record<string, Route>> {
  if (origins.length === 0) return routes;
  const allowed = new Set(origins);
  return Object.fromEntries(Object.entries(routes).map(([path, route]) => [path, corsRoute(route, allowed)]));
}

const corsRoute = (route: Route, allowed: ReadonlySet<string>): Route => ({
  ...route,
  setHeaders(request, response) {
    // Set for every request, also without a permitted origin, so that caches keep the responses to each origin apart.
    response.setHeader('vary', varyBy(response, 'Origin'));
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return;
    response.setHeader('access-control-allow-origin', origin);
    if (request.method === 'OPTIONS') setPreflightHeaders(request, { response, methods: route.methods });
    else response.setHeader('access-control-expose-headers', EXPOSED_HEADERS);
  },
});

/**
 * Refuses a query by GET that a page of another origin has sent, as `<img>` or a form can, too, unless its origin is listed: the page
 * could not read the response, but have any visitor's browser ask for it. A POST needs a preflight.
 *
 * Browsers say it in `Sec-Fetch-Site`, which pages cannot change, but only to https and loopback addresses, and old ones never. To
 * others they send `Origin` or `Referer`, unless the page forbids `Referer` and the request has no `Origin`: then it looks like one of
 * curl.
 * @throws HttpError 403
 */
export function assertOwnPage(headers: IncomingHttpHeaders, origins: readonly string[]): void {
  const { origin, referer, host, 'sec-fetch-site': site } = headers;
  if (site === undefined ? isOwnPage(origin ?? referer, host) : site !== 'cross-site' && site !== 'same-site') return;
  const from = site === undefined && origin === undefined ? URL.parse(referer ?? '')?.origin : origin;
  if (from !== undefined && origins.includes(from)) return;
  throw new HttpError(403, 'Expected a request of a page whose origin CORS_ORIGINS lists, got one of another page.');
}

/**
 * Whether an address is one of this gateway, or there is none. The scheme does not count: a proxy may have ended TLS.
 * @param host the header, whose port may be left out if it is the scheme's own
 */
function isOwnPage(address: string | undefined, host: string | undefined): boolean {
  if (address === undefined) return true;
  const page = URL.parse(address);
  return page !== null && host !== undefined && page.host === URL.parse(`${page.protocol}//${host}`)?.host;
}

/**
 * Allows whatever headers are requested. Clients and their monitoring send many of their own; unknown ones have no effect, and
 * none can make a browser send credentials.
 */
function setPreflightHeaders(
  { headers }: IncomingMessage,
  { response, methods }: { response: ServerResponse; methods: readonly string[] },
): void {
  response.setHeader('access-control-allow-methods', methods.join(', '));
  response.setHeader('access-control-max-age', PREFLIGHT_SECONDS);
  response.setHeader('vary', varyBy(response, 'Access-Control-Request-Headers'));
  const requested = headers['access-control-request-headers'];
  if (requested !== undefined) response.setHeader('access-control-allow-headers', requested);
}
