import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { HttpError } from './http-error.ts';
import { JSON_TYPE, negotiate } from './media-types.ts';
import { varyBy } from './vary.ts';

/** The `extensions.code` of a status. Any other status is the client's error, and gets BAD_USER_INPUT. */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  429: 'RATE_LIMITED',
  500: 'INTERNAL_SERVER_ERROR',
  503: 'SERVICE_UNAVAILABLE',
  504: 'TIMEOUT',
};

/** Sends the response to a request whose handler threw. An unexpected error is logged, and the client gets only its id. */
export function sendThrown(
  response: ServerResponse,
  error: unknown,
  { log, metrics }: { log: Log; metrics: Metrics },
): void {
  if (error instanceof HttpError) return sendError(response, error);
  const errorId = randomUUID();
  metrics.maskedErrors.inc();
  log.error({ err: error, errorId }, 'unexpected error');
  return sendError(response, new HttpError(500, 'Unexpected error.'), { errorId });
}

/**
 * Sends an error in GraphQL's format for any path, so that clients see only one format, in the media type that they accept. If
 * a response was already begun, cuts it off.
 */
export function sendError(
  response: ServerResponse,
  error: HttpError,
  extensions: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = errorBody(error, extensions);
  response.writeHead(error.status, {
    'content-type': withCharset(negotiate(response.req.headers.accept) ?? JSON_TYPE),
    'content-length': body.length,
    'cache-control': 'no-store',
    vary: varyBy(response, 'Accept'),
    ...error.headers,
  });
  response.end(body);
}

/** Writes a whole error response to a socket, and closes it: for a request so malformed that Node provides no response object. */
export function writeErrorTo(socket: Duplex, error: HttpError): void {
  const body = errorBody(error);
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    'connection: close',
    `content-type: ${withCharset(JSON_TYPE)}`,
    `content-length: ${body.length}`,
    'x-content-type-options: nosniff',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body.toString()}`);
}

const withCharset = (type: string): string => `${type}; charset=utf-8`;

function errorBody({ status, message }: HttpError, extensions: Readonly<Record<string, string>> = {}): Buffer {
  const code = CODE_OF_STATUS[status] ?? 'BAD_USER_INPUT';
  return Buffer.from(JSON.stringify({ errors: [{ message, extensions: { code, ...extensions } }] }));
}
