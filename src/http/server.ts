import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { sendError, sendThrown, writeErrorTo } from './error-response.ts';
import { checkHosts } from './host-names.ts';
import { HttpError } from './http-error.ts';
import { prefersPage } from './media-types.ts';
import { watchConnections, type OpenConnections } from './open-connections.ts';

/** Sends the response to a request. Errors that it throws become GraphQL errors. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

export interface Route {
  /** Others are refused, except OPTIONS, which lists them. */
  readonly methods: readonly string[];
  /** Sets headers for every response, including refusals and OPTIONS. */
  readonly setHeaders?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly handle: Handler;
}

/** A read-only route. */
export const read = (handle: Handler): Route => ({ methods: ['GET', 'HEAD'], handle });

export interface HttpServer {
  /** Resolves with the port once requests are accepted. Rejects when the address is in use or not on this machine. */
  listen(port: number, host: string): Promise<number>;
  /** Accepts no new requests, lets those that were sent before finish, and closes every connection within `withinMs`. */
  close(withinMs: number): Promise<void>;
  isClosing(): boolean;
}

export interface HttpServerOptions {
  readonly routes: Readonly<Record<string, Route>>;
  /** Where a browser that asks for a page at `/` is redirected; undefined for nowhere. */
  readonly home?: string;
  /** Host names, besides those of loopback, for which requests are accepted. */
  readonly allowedHosts?: readonly string[];
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Creates an HTTP server with one route per path. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { log, metrics } = options;
  let closing: Promise<void> | undefined;
  const limits = { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: MAX_HEADER_BYTES };
  const server = createServer(limits, (request, response) => {
    request.url = withoutOrigin(request.url ?? '');
    tracker.track(request, response);
    response.setHeader('x-content-type-options', 'nosniff');
    if (closing !== undefined) response.setHeader('connection', 'close');
    dispatch(request, response);
  });
  const connections = watchConnections(server);
  const tracker = createTracker(connections, metrics);
  const dispatch = checkHosts(createDispatcher(options, connections), {
    server,
    allowedHosts: options.allowedHosts ?? [],
  });
  server.keepAliveTimeout = 65_000;
  server.on('clientError', (error, socket) => {
    // Must not write into the middle of a response that is being sent.
    if (!socket.writable || tracker.isResponding(socket)) socket.destroy();
    else {
      const refusal = refusalOfMalformed(error);
      metrics.requests.inc({ status: refusal.status });
      writeErrorTo(socket, refusal);
    }
  });

  return {
    async listen(port, host) {
      const listeningPort = await listen(server, port, host);
      // For example, too many open files when accepting a connection: that one is lost, but the others need the process.
      server.on('error', (error) => log.error({ err: error }, 'a connection could not be accepted'));
      return listeningPort;
    },
    isClosing: () => closing !== undefined,
    close: (withinMs) => (closing ??= server.listening ? connections.close(withinMs) : Promise.resolve()),
  };
}

/** Counts requests in the metrics, and the pending responses of each connection, of which pipelining can have several. */
function createTracker(connections: OpenConnections, metrics: Metrics) {
  const pending = new WeakMap<Duplex, number>();
  return {
    track({ socket }: IncomingMessage, response: ServerResponse): void {
      metrics.requestsInFlight.inc();
      connections.add(response);
      pending.set(socket, (pending.get(socket) ?? 0) + 1);
      response.on('close', () => {
        metrics.requestsInFlight.dec();
        pending.set(socket, (pending.get(socket) ?? 1) - 1);
        metrics.requests.inc({ status: response.statusCode });
      });
    },
    isResponding: (socket: Duplex): boolean => (pending.get(socket) ?? 0) > 0,
  };
}

/** Finds the route of each request and calls its handler, or sends the response that needs none. */
function createDispatcher(
  { routes, home, log, metrics }: HttpServerOptions,
  connections: OpenConnections,
): RequestListener {
  const notFound = `Expected one of ${Object.keys(routes).join(', ')}; there is nothing at this path.`;
  return (request, response) => {
    const { url = '', method = '' } = request;
    const path = url.split('?', 1)[0] ?? '';
    const route = routes[path];
    route?.setHeaders?.(request, response);
    if (connections.isClosing() && !url.startsWith('/health/'))
      return sendError(response, new HttpError(503, 'The gateway is stopping; try again.'));
    if (home !== undefined && path === '/' && method === 'GET' && prefersPage(request.headers.accept)) {
      response.writeHead(302, { location: home, vary: 'Accept', 'content-length': 0 }).end();
      return undefined;
    }
    if (route === undefined) return sendError(response, new HttpError(404, notFound));
    const allow = [...route.methods, 'OPTIONS'].join(', ');
    if (method === 'OPTIONS') {
      response.writeHead(204, { allow }).end();
      return undefined;
    }
    if (!route.methods.includes(method))
      return sendError(response, new HttpError(405, `Expected ${allow}, got ${method}.`, { allow }));
    // `async` also catches what a handler throws before its first `await`.
    void (async () => route.handle(request, response))().catch((error: unknown) =>
      sendThrown(response, error, { log, metrics }),
    );
    return undefined;
  };
}

/** RFC 9112, 3.2.2: a request target may be in absolute form, as proxies receive it. Only its path matters here. */
function withoutOrigin(target: string): string {
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? '';
  const rest = target.slice(origin.length);
  return origin === '' || rest.startsWith('/') ? rest : `/${rest}`;
}

const MAX_HEADER_BYTES = 16_384;

/** The error for a request that Node's parser refuses. */
function refusalOfMalformed({ code }: NodeJS.ErrnoException): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpError(431, `Expected an address and headers of at most ${MAX_HEADER_BYTES} bytes, got more.`);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpError(408, 'Expected a whole request, got a part of it for too long.');
  return new HttpError(400, 'Expected an HTTP request, got something malformed.');
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
