import { startProxy } from './proxy.ts';

/** A proxy that can silently lose connections. */
export interface SilentProxy {
  readonly port: number;
  /** Passes nothing on over the existing connections any more, without closing them; new ones work. */
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
