import type { Server, ServerResponse } from 'node:http';

/** The connections of a server and the answers under way on them. */
export interface OpenConnections {
  /** From a request's arrival until its answer is out. */
  add(response: ServerResponse): void;
  /** Takes no new connections; ends each one when it has nothing to wait for, and all of them after `withinMs`. */
  close(withinMs: number): Promise<void>;
}

/** Watches a server's connections, so that it can be stopped without cutting answers off. */
export function watchConnections(server: Server): OpenConnections {
  const responses = new Set<ServerResponse>();
  let isClosing = false;

  return {
    add(response) {
      responses.add(response);
      response.once('close', () => {
        responses.delete(response);
        // One whose headers were out by then has not been told, and would be kept for the next request.
        if (isClosing) setImmediate(() => server.closeIdleConnections());
      });
    },
    async close(withinMs) {
      isClosing = true;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const response of responses) if (!response.headersSent) response.setHeader('connection', 'close');
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), withinMs);
      await closed;
      clearTimeout(timer);
    },
  };
}
