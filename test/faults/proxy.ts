import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A proxy between clients and a server; its user decides what to pass on. */
export interface Proxy {
  readonly port: number;
  /** Both ends of every open connection. */
  readonly sockets: ReadonlySet<Socket>;
  readonly destroyAll: () => void;
  readonly close: () => Promise<void>;
}

/**
 * Starts a proxy to a server on loopback.
 * @param serverPort if a function, it is called for each connection
 * @param joined called for each connection, to pass on data; when one end closes, the other does too
 */
export async function startProxy(
  serverPort: number | (() => number),
  joined: (client: Socket, upstream: Socket) => void,
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const pair = [client, connect(typeof serverPort === 'number' ? serverPort : serverPort(), '127.0.0.1')] as const;
    for (const socket of pair) {
      sockets.add(socket);
      socket
        .on('error', () => socket.destroy())
        .on('close', () => {
          for (const end of pair) end.destroy();
          sockets.delete(socket);
        });
    }
    joined(...pair);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const destroyAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    destroyAll,
    async close() {
      destroyAll();
      server.close();
      await once(server, 'close');
    },
  };
}
