import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The connections of a server and the answers under way on them. */
export interface OpenConnections {
  /** From a request's arrival until its answer is out. */
  add(response: ServerResponse): void;
  /** Takes no new connections; ends each one when it has nothing to wait for, and all of them after `withinMs`. */
  close(withinMs: number): Promise<void>;
}

/** Watches a server's connections, so that it can be stopped without cutting answers off. */
export function watchConnections(server: Server): OpenConnections {
  const sockets = new Set<Socket>();
  const responses = new Set<ServerResponse>();
  let isClosing = false;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  return {
    add(response) {
      responses.add(response);
      response.once('close', () => {
        responses.delete(response);
        // Node keeps a connection for the next request even so.
        if (isClosing) setImmediate(() => server.closeIdleConnections());
      });
    },
    async close(withinMs) {
      isClosing = true;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const response of responses) if (!response.headersSent) response.setHeader('connection', 'close');
      server.closeIdleConnections();
      // Browsers open some in advance. To Node they are not idle but about to send a request.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      const timer = setTimeout(() => server.closeAllConnections(), withinMs);
      await closed;
      clearTimeout(timer);
    },
  };
}
