import type { Server, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';

/** A server's connections, and the responses in flight on them. */
export interface OpenConnections {
  /** Tracks a response from its request's arrival until it is sent. */
  add(response: ServerResponse): void;
  /**
   * Reads requests that were already sent, then accepts no new connections. Closes each connection when it is idle, and all of
   * them after `withinMs`.
   */
  close(withinMs: number): Promise<void>;
  /** Whether the requests sent before `close` have been read, so that any other came too late. */
  isClosing(): boolean;
}

/**
 * After this many turns of the event loop without a new connection or request, none is pending: one turn accepts it, the next
 * reads it.
 */
const QUIET_TURNS = 4;
/** The part of `withinMs` in which requests are still read; after it, clients that keep sending are refused. */
const READING_PART = 1 / 10;

/** Watches a server's connections, so that it can be stopped without cutting off responses. */
export function watchConnections(server: Server): OpenConnections {
  const responses = new Set<ServerResponse>();
  let isClosing = false;
  let arrivals = 0;
  server.on('connection', () => (arrivals += 1));

  /**
   * If the event loop was busy, connections may wait to be accepted, and others look idle because their requests were not read.
   */
  async function readPending(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    for (let quiet = 0; quiet < QUIET_TURNS && performance.now() < end; quiet += 1) {
      const before = arrivals;
      await turn();
      if (arrivals !== before) quiet = -1;
    }
  }

  return {
    add(response) {
      arrivals += 1;
      responses.add(response);
      response.on('close', () => {
        responses.delete(response);
        // A response whose headers were already sent could not say `connection: close`, so its connection would stay open.
        if (isClosing) setImmediate(() => server.closeIdleConnections());
      });
    },
    async close(withinMs) {
      const timer = setTimeout(() => server.closeAllConnections(), withinMs);
      await readPending(withinMs * READING_PART);
      isClosing = true;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const response of responses) if (!response.headersSent) response.setHeader('connection', 'close');
      server.closeIdleConnections();
      await closed;
      clearTimeout(timer);
    },
    isClosing: () => isClosing,
  };
}
