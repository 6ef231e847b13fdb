import type { Server, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';

/** A server's connections, and the responses in flight on them. */
export interface OpenConnections {
  /** Tracks a response from its request's arrival until it is sent. */
  add(response: ServerResponse): void;
  /**
   * Reads what was sent before, then accepts no new connections. Closes each connection when it is idle, and all of them after
   * `withinMs`.
   */
  close(withinMs: number): Promise<void>;
  /** Whether what was sent before `close` has been read, so that anything new comes too late. */
  isClosing(): boolean;
}

/** After this many turns of the event loop without an arrival nothing is pending: a turn accepts one, and the next reads it. */
const QUIET_TURNS = 4;
/** A fraction of `withinMs`, after which clients that keep sending are refused. */
const MAX_READING = 1 / 10;

/** Watches a server's connections, so that it can be stopped without cutting responses off. */
export function watchConnections(server: Server): OpenConnections {
  const responses = new Set<ServerResponse>();
  let isClosing = false;
  let arrivals = 0;
  server.on('connection', () => (arrivals += 1));

  /** A busy event loop may not have accepted pending connections, nor read requests on others, which therefore look idle. */
  async function readWhatWasSent(withinMs: number): Promise<void> {
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
      response.once('close', () => {
        responses.delete(response);
        // A response whose headers were already sent could not say `connection: close`, so its connection would stay open.
        if (isClosing) setImmediate(() => server.closeIdleConnections());
      });
    },
    async close(withinMs) {
      const timer = setTimeout(() => server.closeAllConnections(), withinMs);
      await readWhatWasSent(withinMs * MAX_READING);
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
