import type { Server, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';

/** The connections of a server and the answers under way on them. */
export interface OpenConnections {
  /** From a request's arrival until its answer is out. */
  add(response: ServerResponse): void;
  /**
   * Reads what had been sent before, then takes no new connections; ends each one when it has nothing to wait for, and
   * all of them after `withinMs`.
   */
  close(withinMs: number): Promise<void>;
  /** Whether what had been sent before `close` is read: what comes now has come too late. */
  isClosing(): boolean;
}

/** Turns of the event loop that bring nothing: with one accepted a turn and read in the next, nothing had been sent. */
const QUIET_TURNS = 4;
/** Of `withinMs`: clients that go on sending are turned away then. */
const MOST_READING = 1 / 10;

/** Watches a server's connections, so that it can be stopped without cutting answers off. */
export function watchConnections(server: Server): OpenConnections {
  const responses = new Set<ServerResponse>();
  let isClosing = false;
  let arrivals = 0;
  server.on('connection', () => (arrivals += 1));

  /** A loop that was busy has not taken connections that wait, nor read requests of others, which look idle. */
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
        // One whose headers were out by then has not been told, and would be kept for the next request.
        if (isClosing) setImmediate(() => server.closeIdleConnections());
      });
    },
    async close(withinMs) {
      const timer = setTimeout(() => server.closeAllConnections(), withinMs);
      await readWhatWasSent(withinMs * MOST_READING);
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
