import { startProxy } from './proxy.ts';

/** Stands between a client and a server, and can lose the connections of both without a word to either. */
export interface SilentProxy {
  readonly port: number;
  /** Nothing goes through the connections there are any more, and nobody is told; new ones work. */
  readonly silence: () => void;
  readonly close: () => Promise<void>;
}

/** Starts a proxy to a server on loopback. */
export async function startSilentProxy(serverPort: number): Promise<SilentProxy> {
  const { port, sockets, close } = await startProxy(serverPort, (client, upstream) => {
    client.on('data', (data: Buffer) => upstream.write(data));
    upstream.on('data', (data: Buffer) => client.write(data));
  });
  return {
    port,
    silence: () => {
      for (const socket of sockets) socket.removeAllListeners('data');
    },
    close,
  };
}
