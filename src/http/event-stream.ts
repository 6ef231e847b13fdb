import type { ServerResponse } from 'node:http';
import { varyBy } from './vary.ts';

/** Why a stream has ended: the client went away, it did not read, the gateway stops, or there is nothing more to come. */
export type StreamEnd = 'client' | 'stalled' | 'stopping' | 'completed';

/** A response of server-sent events, as GraphQL over SSE has them in its distinct connections mode. */
export interface EventStream {
  /** Sends an execution result, in JSON. Resolves once the system has taken all of it, or the stream is over. */
  next(result: string): Promise<void>;
  /** Tells the client that nothing more comes, and ends the stream. A gateway that stops does not wait for it to read. */
  complete(end: StreamEnd): void;
  isOver(): boolean;
  /** Resolves when the stream is over, whoever ended it. */
  readonly ended: Promise<StreamEnd>;
}

const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  // Proxies would keep it, squeeze it or gather it.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

// Proxies end a connection on which nothing comes; so do clients that take it for dead.
const HEARTBEAT_MS = 12_000;
const LAST_WORDS_MS = 500;
const COMMENT = ':\n\n';
const COMPLETE = 'event: complete\ndata:\n\n';
const nextEvent = (result: string): string => `event: next\ndata: ${result}\n\n`;

/** Answers with one result and the end: a query or mutation, or what is wrong with an operation. */
export function sendAsEvents(
  response: ServerResponse,
  answer: { readonly body: Buffer; readonly headers: Readonly<Record<string, string>> },
): void {
  response.writeHead(200, { ...answer.headers, ...STREAM_HEADERS, vary: varyBy(response, 'Accept') });
  response.end(`${COMMENT}${nextEvent(answer.body.toString())}${COMPLETE}`);
}

/**
 * Opens a stream, and keeps it alive with comments.
 * @param options.stallMs how long the client may leave what was sent unread before it is cut
 */
export function openEventStream(response: ServerResponse, { stallMs }: { stallMs: number }): EventStream {
  let end: StreamEnd = 'client';
  let isOver = false;
  let deadline: NodeJS.Timeout | undefined;
  /** For each write that the system has not taken yet, what waits for it. */
  const unsent = new Set<() => void>();
  const { promise: ended, resolve } = Promise.withResolvers<StreamEnd>();

  const close = (): void => {
    isOver = true;
    clearInterval(heartbeat);
    clearTimeout(deadline);
    for (const done of unsent) done();
    resolve(end);
  };
  const cutAfter = (ms: number, why: StreamEnd): void => {
    clearTimeout(deadline);
    deadline = setTimeout(() => {
      end = why;
      response.destroy();
      // One that waits for others on its connection has nothing yet that could close.
      close();
    }, ms);
  };
  const write = (text: string): Promise<void> =>
    new Promise((done) => {
      if (unsent.size === 0) cutAfter(stallMs, 'stalled');
      unsent.add(done);
      response.write(text, () => {
        unsent.delete(done);
        if (unsent.size === 0 && !isOver) clearTimeout(deadline);
        done();
      });
    });
  const heartbeat = setInterval(() => {
    if (unsent.size === 0) void write(COMMENT);
  }, HEARTBEAT_MS);
  if (response.destroyed) close();
  else {
    response.once('close', close);
    response.writeHead(200, { ...STREAM_HEADERS, vary: varyBy(response, 'Accept') });
    // Some clients take the headers alone for no answer yet.
    void write(COMMENT);
  }

  return {
    ended,
    isOver: () => isOver,
    async next(result) {
      if (!isOver) await write(nextEvent(result));
    },
    complete(why) {
      if (isOver) return;
      isOver = true;
      end = why;
      clearInterval(heartbeat);
      cutAfter(why === 'stopping' ? LAST_WORDS_MS : stallMs, why);
      response.end(COMPLETE);
    },
  };
}
