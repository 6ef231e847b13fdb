import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { denialOf } from '../db/errors.ts';
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
  log.error({ err: error, errorId, denied: denialOf(error) }, 'unexpected error');
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
  // The request was refused already, because of what came after its headers.
  if (response.writableEnded) return;
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
  const { req: request } = response;
  const isLast = [response.getHeader('connection'), error.headers['connection']].includes('close');
  if (isLast && !request.complete) {
    const { socket } = request;
    // Node calls this after the last response.
    socket.destroySoon = () => closeGracefully(socket);
    request.resume();
  }
  response.end(body);
}

// A client on a slow line needs this long to notice the response.
const LINGER_MS = 5_000;

/**
 * Closes a connection on which the client may still be sending: drops what it sends until it closes its half, or for a few seconds.
 * If the connection were closed at once, the operating system would reset it, and the client might lose the response.
 */
function closeGracefully(socket: Socket): void {
  if (socket.writable) socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('end', () => socket.destroy());
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
}

/**
 * Writes a whole error response to a socket, and closes it: for something so malformed that Node provides no response object. Does
 * nothing if the connection is being closed.
 */
export function writeErrorTo(socket: Socket, error: HttpError): void {
  if (!socket.writable) return;
  const body = errorBody(error);
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    ...Object.entries({ ...error.headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}`),
    `content-type: ${withCharset(JSON_TYPE)}`,
    `content-length: ${body.length}`,
    'x-content-type-options: nosniff',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.toString()}`);
  closeGracefully(socket);
}

const withCharset = (type: string): string => `${type}; charset=utf-8`;

function errorBody({ status, message }: HttpError, extensions: Readonly<Record<string, string>> = {}): Buffer {
  const code = CODE_OF_STATUS[status] ?? 'BAD_USER_INPUT';
  return Buffer.from(JSON.stringify({ errors: [{ message, extensions: { code, ...extensions } }] }));
}
