import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Arrivals } from './arrivals.ts';
import { watchConnections, type ConnectionLimits } from './connections.ts';
import { sendError, sendThrown } from './error-response.ts';
import { MAX_HEADER_BYTES, MAX_HEADERS } from './header-limits.ts';
import { createHostCheck, type HostCheck } from './host-names.ts';
import { HttpError } from './http-error.ts';
import type { KnownRequests } from './known-requests.ts';
import { prefersPage } from './media-types.ts';

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
  /**
   * Stops without losing requests. For `drainMs`, goes on as usual, but each response tells its client to use another connection.
   * Then accepts no new connections, lets the requests that were sent finish, and closes every connection after `withinMs`.
   * @param options.onRefusing called when new connections are refused
   */
  stop(options: {
    readonly drainMs: number;
    readonly withinMs: number;
    readonly onRefusing?: () => void;
  }): Promise<void>;
  /** Whether `stop` has been called. */
  isStopping(): boolean;
}

export interface HttpServerOptions {
  readonly routes: Readonly<Record<string, Route>>;
  /** Where a browser that asks for a page at `/` is redirected; undefined for nowhere. */
  readonly home?: string;
  /** Host names, besides those of loopback, for which requests are accepted. */
  readonly allowedHosts?: readonly string[];
  readonly limits: ConnectionLimits & { readonly bodyBytes: number };
  readonly arrivals: Arrivals;
  /** Undefined when every request is parsed. */
  readonly known?: KnownRequests | undefined;
  /** Whether the process has little memory left: then some connections are closed. */
  readonly isMemoryShort?: () => boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Creates an HTTP server with one route per path. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { log, metrics, limits } = options;
  const server = createServer({
    headersTimeout: Math.min(HEADERS_MS, limits.receiveMs),
    requestTimeout: limits.receiveMs,
    // How often Node looks for requests that are too slow; by default, it would find them half a minute late.
    connectionsCheckingInterval: Math.min(1_000, limits.receiveMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Checked by `createHostCheck`, whose error says more.
    requireHostHeader: false,
  });
  // Otherwise, Node would drop all pending responses when the client has sent its last request and says so.
  Object.assign(server, { httpAllowHalfOpen: true });
  // Node drops those beyond; here, one too many is seen and refused.
  server.maxHeadersCount = MAX_HEADERS + 1;
  const connections = watchConnections(server, options);
  const dispatch = createDispatcher(options, createHostCheck(server, options.allowedHosts ?? []));
  const receive = (request: IncomingMessage, response: ServerResponse, refusal?: HttpError): void => {
    normaliseTarget(request);
    response.setHeader('x-content-type-options', 'nosniff');
    metrics.requestsInFlight.inc();
    response.once('close', () => {
      metrics.requestsInFlight.dec();
      metrics.requests.inc({ status: response.statusCode });
    });
    const error = request.rawHeaders.length > 2 * MAX_HEADERS ? tooManyHeaders() : refusal;
    const begin = error === undefined ? () => dispatch(request, response) : () => sendError(response, error);
    connections.of(request.socket).add(response, begin);
  };
  server.on('request', (request, response) => receive(request, response));
  server.on('checkContinue', (request, response) => {
    // The client of a body that is too large gets the refusal instead, and need not send it.
    if (!(Number(request.headers['content-length']) > limits.bodyBytes)) response.writeContinue();
    receive(request, response);
  });
  server.on('checkExpectation', (request, response) => receive(request, response, unknownExpectation()));
  server.on('connect', ({ socket }) => {
    // Node no longer listens to it.
    socket.on('error', () => undefined);
    connections.of(socket).refuse(new HttpError(501, 'This is not a proxy.'));
  });
  server.on('clientError', (error, socket) => {
    const connection = connections.of(socket as Socket);
    // It is being closed once its last response has arrived, and what is sent meanwhile is dropped.
    if (!socket.writable) return undefined;
    // The client has sent more than was read, because it waits for its earlier requests. Node says this only once.
    if (isTooSlow(error) && connection.isPaused())
      return connection.refuseLater(refusalOfMalformed(error), limits.receiveMs);
    // A browser opens connections in advance. It would take an error for the response to its next request.
    if (isTooSlow(error) && connection.socket.bytesRead === 0) socket.destroy();
    else connection.refuse(refusalOfMalformed(error));
    return undefined;
  });

  let stopped: Promise<void> | undefined;
  const stop: HttpServer['stop'] = async ({ drainMs, withinMs, onRefusing = () => undefined }) => {
    if (!server.listening) return;
    connections.announceClose();
    if (drainMs > 0) await sleep(drainMs);
    await connections.close({ withinMs, quietMs: Math.min(drainMs, QUIET_MS), onRefusing });
  };
  return {
    async listen(port, host) {
      const listeningPort = await listen(server, port, host);
      // For example, too many open files when accepting a connection: that one is lost, but the others need the process.
      server.on('error', (error) => log.error({ err: error }, 'a connection could not be accepted'));
      return listeningPort;
    },
    stop: (given) => (stopped ??= stop(given)),
    isStopping: () => stopped !== undefined,
  };
}

/** Finds the route of each request and calls its handler, or sends the response that needs none. */
function createDispatcher({ routes, home, log, metrics }: HttpServerOptions, refusalOfHost: HostCheck) {
  const notFound = `Expected one of ${Object.keys(routes).join(', ')}; there is nothing at this path.`;
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { url = '', method = '' } = request;
    const path = url.split('?', 1)[0] ?? '';
    const route = routes[path];
    route?.setHeaders?.(request, response);
    const refusal = refusalOfHost(request);
    if (refusal !== undefined) return sendError(response, refusal);
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

const unknownExpectation = (): HttpError =>
  new HttpError(417, 'Expected the header "expect" to be "100-continue", got something else.');

/** RFC 9112, 3.2.2: a request target may be in absolute form, as proxies receive it. Then its host counts, and not the header. */
function normaliseTarget(request: IncomingMessage): void {
  const [origin, host] = /^https?:\/\/([^/?#]*)/i.exec(request.url ?? '') ?? [];
  if (origin === undefined) return;
  const rest = request.url?.slice(origin.length) ?? '';
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  request.headers.host = host;
}

/** How long a connection may be idle. */
export const KEEP_ALIVE_MS = 65_000;
const HEADERS_MS = 10_000;
/** A client that was told to use another connection has opened it by then, if it has a request to send. */
const QUIET_MS = 100;

const tooManyHeaders = (): HttpError =>
  new HttpError(431, `Expected at most ${MAX_HEADERS} headers, got more.`, { connection: 'close' });

const isTooSlow = ({ code }: NodeJS.ErrnoException): boolean => code === 'ERR_HTTP_REQUEST_TIMEOUT';

/** The error for a request that Node's parser refuses. */
function refusalOfMalformed(error: NodeJS.ErrnoException): HttpError {
  const { code } = error;
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpError(
      431,
      `Expected at most ${MAX_HEADERS} headers, of ${MAX_HEADER_BYTES} bytes with the address, got more.`,
    );
  if (isTooSlow(error)) return new HttpError(408, 'Expected a whole request, got a part of it for too long.');
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
