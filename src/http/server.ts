import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import { HttpError } from './graphql-request.ts';

/** What answers a path. Errors that it throws are answered as GraphQL errors. */
export type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

export interface HttpServer {
  /** Resolves with the port once requests are taken. Rejects when the address is taken or not ours. */
  listen(port: number, host: string): Promise<number>;
  /** Takes no new requests, lets those under way finish, and ends every connection within `withinMs`. */
  close(withinMs: number): Promise<void>;
  isClosing(): boolean;
}

/** An HTTP server with one handler a path. */
export function createHttpServer({
  routes,
  log,
  metrics,
}: {
  routes: Readonly<Record<string, Route>>;
  log: Log;
  metrics: Metrics;
}): HttpServer {
  let closing = false;
  const listener: RequestListener = (request, response) => {
    metrics.requestsInFlight.inc();
    response.once('close', () => {
      metrics.requestsInFlight.dec();
      metrics.requests.inc({ status: response.statusCode });
    });
    if (closing) {
      response.setHeader('connection', 'close');
      if (!(request.url ?? '').startsWith('/health/'))
        return refuse(response, new HttpError(503, 'The gateway is stopping; try again.'));
    }
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const route = routes[path];
    if (route === undefined)
      return refuse(
        response,
        new HttpError(404, `Expected one of ${Object.keys(routes).join(', ')}; there is nothing at this path.`),
      );
    // `async` catches what a route throws before its first `await` too.
    void (async () => route(request, response))().catch((error: unknown) =>
      answerError(response, error, { log, metrics }),
    );
  };
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 16_384 }, listener);
  server.keepAliveTimeout = 65_000;

  return {
    listen: (port, host) => listen(server, port, host),
    isClosing: () => closing,
    close: async (withinMs) => {
      closing = true;
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), withinMs);
      await closed;
      clearTimeout(timer);
    },
  };
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

/** Answers with an error in GraphQL's form, whatever the path: one form for every client. */
function refuse(response: ServerResponse, error: HttpError, more: Readonly<Record<string, string>> = {}): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const extensions = { code: CODE_OF_STATUS[error.status] ?? 'BAD_USER_INPUT', ...more };
  const body = Buffer.from(JSON.stringify({ errors: [{ message: error.message, extensions }] }));
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...error.headers,
  };
  response.writeHead(error.status, headers);
  response.end(body);
}
