import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between a client and a server, and cuts connections. */
export interface CuttingProxy {
  readonly port: number;
  /** Cuts what is open, and from now on each new connection when its client sends this; undefined: none any more. */
  readonly cut: (text: RegExp | undefined) => void;
  /** How many new connections were cut. */
  readonly cuts: () => number;
  readonly close: () => Promise<void>;
}

/** Starts a proxy to a server on loopback. */
export async function startCuttingProxy(serverPort: number): Promise<CuttingProxy> {
  const clients = new Set<Socket>();
  let forbidden: RegExp | undefined;
  let count = 0;
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    clients.add(client);
    client.on('data', (data: Buffer) => {
      if (forbidden?.test(data.toString('latin1')) === true) {
        count += 1;
        client.destroy();
      } else upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => client.write(data));
    for (const socket of [client, upstream])
      socket
        .on('error', () => socket.destroy())
        .on('close', () => {
          client.destroy();
          upstream.destroy();
          clients.delete(client);
        });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const destroyAll = () => {
    for (const client of clients) client.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut(text) {
      forbidden = text;
      if (text !== undefined) destroyAll();
    },
    cuts: () => count,
    async close() {
      destroyAll();
      server.close();
      await once(server, 'close');
    },
  };
}
