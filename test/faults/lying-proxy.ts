import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between a client and a database server, and answers in the server's place. */
export interface LyingProxy {
  readonly port: number;
  /** The next command that is so is answered with these bytes; the server gets it, and what it answers is thrown away. */
  readonly answerNext: (isMeant: (command: Buffer) => boolean, answer: Buffer) => void;
  /** Answers each new connection so, until it is called with undefined; cuts those that are open. */
  readonly greet: (answer: Buffer | undefined) => void;
  /** How many lies were told. */
  readonly lies: () => number;
  readonly close: () => Promise<void>;
}

/** Starts a proxy to a server on loopback. */
export async function startLyingProxy(serverPort: number): Promise<LyingProxy> {
  const clients = new Set<Socket>();
  let next: { isMeant: (command: Buffer) => boolean; answer: Buffer } | undefined;
  let greeting: Buffer | undefined;
  let lies = 0;
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    let isLyingTo = greeting !== undefined;
    const lie = (answer: Buffer): void => {
      lies += 1;
      isLyingTo = true;
      client.write(answer);
    };
    if (greeting !== undefined) lie(greeting);
    clients.add(client);
    client.on('data', (data: Buffer) => {
      upstream.write(data);
      if (next?.isMeant(data) !== true) return;
      const { answer } = next;
      next = undefined;
      lie(answer);
    });
    upstream.on('data', (data: Buffer) => {
      // One answer is thrown away; a client that can go on with that connection then hears the server again.
      if (!isLyingTo) client.write(data);
      isLyingTo = greeting !== undefined;
    });
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
  const destroyAll = (): void => {
    for (const client of clients) client.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    answerNext: (isMeant, answer) => (next = { isMeant, answer }),
    greet(answer) {
      greeting = answer;
      destroyAll();
    },
    lies: () => lies,
    async close() {
      destroyAll();
      server.close();
      await once(server, 'close');
    },
  };
}
