import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { randomUUID } from 'node:crypto';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import { HttpError } from './graphql-request.ts';
import { JSON_TYPE, negotiate, prefersPage } from './media-types.ts';
import { watchConnections } from './open-connections.ts';
import { varyBy } from './vary.ts';

/** Answers a request. Errors that it throws become GraphQL errors. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

export interface Route {
  /** Others are refused, except OPTIONS, which lists them. */
  readonly methods: readonly string[];
  /** Sets headers for every response, including refusals and OPTIONS. */
  readonly prepare?: (request: IncomingMessage, response: ServerResponse) => void;
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

/**
 * An HTTP server with one route per path.
 * @param options.home where a browser that asks for a page at `/` is redirected; undefined for nowhere
 */
export function createHttpServer({
  routes,
  home,
  log,
  metrics,
}: {
  routes: Readonly<Record<string, Route>>;
  home?: string;
  log: Log;
  metrics: Metrics;
}): HttpServer {
  let closing: Promise<void> | undefined;
  /** How many responses are pending on each connection. */
  const answering = new WeakMap<Duplex, number>();
  const listener: RequestListener = (request, response) => {
    const { socket } = request;
    request.url = withoutOrigin(request.url ?? '');
    metrics.requestsInFlight.inc();
    connections.add(response);
    answering.set(socket, (answering.get(socket) ?? 0) + 1);
    response.once('close', () => {
      metrics.requestsInFlight.dec();
      answering.set(socket, (answering.get(socket) ?? 1) - 1);
      metrics.requests.inc({ status: response.statusCode });
    });
    if (closing !== undefined) response.setHeader('connection', 'close');
    const path = request.url.split('?', 1)[0] ?? '';
    const route = routes[path];
    route?.prepare?.(request, response);
    if (connections.isClosing() && !request.url.startsWith('/health/'))
      return refuse(response, new HttpError(503, 'The gateway is stopping; try again.'));
    if (home !== undefined && path === '/' && request.method === 'GET' && prefersPage(request.headers.accept)) {
      response.writeHead(302, { location: home, vary: 'Accept', 'content-length': 0 }).end();
      return undefined;
    }
    if (route === undefined)
      return refuse(
        response,
        new HttpError(404, `Expected one of ${Object.keys(routes).join(', ')}; there is nothing at this path.`),
      );
    const allow = [...route.methods, 'OPTIONS'].join(', ');
    if (request.method === 'OPTIONS') {
      response.writeHead(204, { allow }).end();
      return undefined;
    }
    if (!route.methods.includes(request.method ?? ''))
      return refuse(response, new HttpError(405, `Expected ${allow}, got ${request.method}.`, { allow }));
    // `async` also catches what a route throws before its first `await`.
    void (async () => route.handle(request, response))().catch((error: unknown) =>
      answerError(response, error, { log, metrics }),
    );
  };
  const server = createServer(
    { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: MAX_HEADER_BYTES },
    listener,
  );
  const connections = watchConnections(server);
  server.keepAliveTimeout = 65_000;
  server.on('clientError', (error, socket) => {
    // Must not write into the middle of a response that is being sent.
    if (!socket.writable || (answering.get(socket) ?? 0) > 0) socket.destroy();
    else metrics.requests.inc({ status: refuseBytes(socket, error) });
  });

  return {
    async listen(port, host) {
      const taken = await listen(server, port, host);
      // For example, too many open files when accepting a connection: that one is lost, but the others need the process.
      server.on('error', (error) => log.error({ err: error }, 'a connection could not be taken'));
      return taken;
    },
    isClosing: () => closing !== undefined,
    close: (withinMs) => (closing ??= server.listening ? connections.close(withinMs) : Promise.resolve()),
  };
}

/** RFC 9112, 3.2.2: a request target may be in absolute form, as proxies receive it. Only its path matters here. */
function withoutOrigin(target: string): string {
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? '';
  const rest = target.slice(origin.length);
  return origin === '' || rest.startsWith('/') ? rest : `/${rest}`;
}

const MAX_HEADER_BYTES = 16_384;
const MALFORMED = { status: 400, message: 'Expected an HTTP request, got something malformed.' };
const WHAT_NODE_REFUSES: Readonly<Record<string, typeof MALFORMED>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    message: `Expected an address and headers of at most ${MAX_HEADER_BYTES} bytes, got more.`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'Expected a whole request, got a part of it for too long.' },
};

/** Writes the response to a malformed request by hand, since Node provides no response object for it. Returns the status. */
function refuseBytes(socket: Duplex, error: NodeJS.ErrnoException): number {
  const { status, message } = WHAT_NODE_REFUSES[error.code ?? ''] ?? MALFORMED;
  const body = errorBody(new HttpError(status, message)).toString();
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'connection: close',
    `content-type: ${withCharset(JSON_TYPE)}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  return status;
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

function answerError(response: ServerResponse, error: unknown, { log, metrics }: { log: Log; metrics: Metrics }): void {
  if (error instanceof HttpError) return refuse(response, error);
  const errorId = randomUUID();
  metrics.maskedErrors.inc();
  log.error({ err: error, errorId }, 'unexpected error');
  refuse(response, new HttpError(500, 'Unexpected error.'), { errorId });
}

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  413: 'BAD_USER_INPUT',
  ...Object.fromEntries(Object.entries(ERROR_CODES).map(([code, status]) => [status, code as ErrorCode])),
  400: 'BAD_USER_INPUT',
  404: 'BAD_USER_INPUT',
};

const withCharset = (type: string): string => `${type}; charset=utf-8`;

function errorBody(error: HttpError, more: Readonly<Record<string, string>> = {}): Buffer {
  const extensions = { code: CODE_OF_STATUS[error.status] ?? 'BAD_USER_INPUT', ...more };
  return Buffer.from(JSON.stringify({ errors: [{ message: error.message, extensions }] }));
}

/**
 * Answers with an error in GraphQL's format for any path, so that clients see only one format, in the media type that they
 * accept.
 */
function refuse(response: ServerResponse, error: HttpError, more: Readonly<Record<string, string>> = {}): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = errorBody(error, more);
  const headers = {
    'content-type': withCharset(negotiate(response.req.headers.accept) ?? JSON_TYPE),
    'content-length': body.length,
    'cache-control': 'no-store',
    vary: varyBy(response, 'Accept'),
    ...error.headers,
  };
  response.writeHead(error.status, headers);
  response.end(body);
}
