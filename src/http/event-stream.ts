import type { ServerResponse } from 'node:http';
import { createError } from '../errors.ts';
import { varyBy } from './vary.ts';

/**
 * Why a stream ended: the client disconnected, it stopped reading, the gateway is stopping, the caller's token has expired, or there
 * is nothing more to send.
 */
export type StreamEnd = 'client' | 'stalled' | 'stopping' | 'expired' | 'completed';

/** A response of server-sent events, as in the distinct connections mode of GraphQL over SSE. */
export interface EventStream {
  /**
   * Sends an execution result, as JSON in UTF-8. Resolves once the operating system has accepted all of it, or the stream has
   * ended.
   */
  next(result: Buffer): Promise<void>;
  /**
   * Sends the event `complete`, and ends the stream. If the gateway is stopping, a slow client is cut off early.
   */
  complete(end: StreamEnd): void;
  /** Aborts when nothing more can be sent. */
  readonly signal: AbortSignal;
  /** Resolves when the stream has ended, whoever ended it. */
  readonly ended: Promise<StreamEnd>;
}

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  // Otherwise proxies would cache, compress or buffer the stream.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

// Proxies and clients close connections on which nothing is sent for a while.
const HEARTBEAT_MS = 12_000;
const FLUSH_MS = 500;
// Buffers, since a result may be large: as text it would take the heap, and be encoded in one piece.
const COMMENT = Buffer.from(':\n\n');
const NEXT = Buffer.from('event: next\ndata: ');
const END_OF_EVENT = Buffer.from('\n\n');
const COMPLETE = Buffer.from('event: complete\ndata:\n\n');

/** Sends a single result and completes: for a query or mutation, or for an operation's errors. */
export function sendAsEvents(
  response: ServerResponse,
  result: { readonly body: Buffer; readonly headers: Readonly<Record<string, string>> },
): void {
  const parts = [COMMENT, NEXT, result.body, END_OF_EVENT, COMPLETE];
  response.writeHead(200, {
    ...result.headers,
    ...STREAM_HEADERS,
    vary: varyBy(response, 'Accept'),
    'content-length': parts.reduce((sum, { length }) => sum + length, 0),
  });
  for (const part of parts) response.write(part);
  response.end();
}

/**
 * Opens a stream and keeps it alive with comments.
 * @param options.stallMs how long the client may leave data unread before the stream is cut
 */
export function openEventStream(response: ServerResponse, { stallMs }: { stallMs: number }): EventStream {
  let end: StreamEnd = 'client';
  let deadline: NodeJS.Timeout | undefined;
  const { socket } = response.req;
  const controller = new AbortController();
  const { signal } = controller;
  const { promise: ended, resolve } = Promise.withResolvers<StreamEnd>();
  const writer = createStreamWriter(response, signal, {
    waiting: () => cutAfter(stallMs, 'stalled'),
    drained: () => clearTimeout(deadline),
  });

  const stop = (): void => controller.abort(createError('TIMEOUT', 'The subscription has ended.'));
  const close = (): void => {
    stop();
    clearTimeout(deadline);
    writer.release();
    socket.off('end', cutNow);
    resolve(end);
  };
  const cutAfter = (ms: number, why: StreamEnd): void => {
    clearTimeout(deadline);
    deadline = setTimeout(() => {
      end = why;
      response.destroy();
      // A response that is queued behind others on its connection has no socket yet, so it does not emit `close` now.
      close();
    }, ms);
  };
  // A client that has closed its half of the connection would get the rest of a response, but a stream has no end.
  const cutNow = (): void => cutAfter(0, 'client');
  if (response.destroyed) close();
  else {
    response.once('close', close);
    socket.once('end', cutNow);
    response.writeHead(200, { ...STREAM_HEADERS, vary: varyBy(response, 'Accept') });
    // Some clients do not treat headers alone as a response.
    void writer.write(COMMENT);
  }

  return {
    ended,
    signal,
    async next(result) {
      if (!signal.aborted) await writer.write(NEXT, result, END_OF_EVENT);
    },
    complete(why) {
      if (signal.aborted) return;
      stop();
      end = why;
      cutAfter(why === 'stopping' ? FLUSH_MS : stallMs, why);
      response.end(COMPLETE);
    },
  };
}

/**
 * Writes to a response. Calls `waiting` when the operating system has something left to accept. Until the signal aborts, also keeps
 * the connection alive with comments, and calls `drained` when everything has been accepted.
 */
function createStreamWriter(response: ServerResponse, signal: AbortSignal, on: { waiting(): void; drained(): void }) {
  /** The `resolve` functions of writes that the operating system has not accepted yet. */
  const unsent = new Set<() => void>();
  const write = (...parts: readonly [...Buffer[], Buffer]): Promise<void> =>
    new Promise((done) => {
      if (unsent.size === 0) on.waiting();
      unsent.add(done);
      const last = parts.at(-1);
      for (const part of parts.slice(0, -1)) response.write(part);
      response.write(last, () => {
        unsent.delete(done);
        if (unsent.size === 0 && !signal.aborted) on.drained();
        done();
      });
    });
  const heartbeat = setInterval(() => {
    if (unsent.size === 0) void write(COMMENT);
  }, HEARTBEAT_MS);
  signal.addEventListener('abort', () => clearInterval(heartbeat), { once: true });
  return {
    write,
    /** Resolves the writes that will never be accepted. */
    release(): void {
      for (const done of unsent) done();
    },
  };
}
