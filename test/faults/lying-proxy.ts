import { startProxy } from './proxy.ts';

/** A proxy that can answer in the database server's place. */
export interface LyingProxy {
  readonly port: number;
  /** Answers the next matching command with these bytes; the server still gets it, but its answer is dropped. */
  readonly answerNext: (isMeant: (command: Buffer) => boolean, answer: Buffer) => void;
  /** Greets each new connection with these bytes, until called with undefined; cuts the open ones. */
  readonly greet: (answer: Buffer | undefined) => void;
  /** How many false answers were sent. */
  readonly lies: () => number;
  readonly close: () => Promise<void>;
}

/** Starts a proxy to a server on loopback. */
export async function startLyingProxy(serverPort: number): Promise<LyingProxy> {
  let next: { isMeant: (command: Buffer) => boolean; answer: Buffer } | undefined;
  let greeting: Buffer | undefined;
  let lies = 0;
  const { port, destroyAll, close } = await startProxy(serverPort, (client, upstream) => {
    let isLyingTo = greeting !== undefined;
    const lie = (answer: Buffer): void => {
      lies += 1;
      isLyingTo = true;
      client.write(answer);
    };
    if (greeting !== undefined) lie(greeting);
    client.on('data', (data: Buffer) => {
      upstream.write(data);
      if (next?.isMeant(data) !== true) return;
      const { answer } = next;
      next = undefined;
      lie(answer);
    });
    upstream.on('data', (data: Buffer) => {
      // Drops one answer; a client that can continue with the connection then hears from the server again.
      if (!isLyingTo) client.write(data);
      isLyingTo = greeting !== undefined;
    });
  });
  return {
    port,
    answerNext: (isMeant, answer) => (next = { isMeant, answer }),
    greet(answer) {
      greeting = answer;
      destroyAll();
    },
    lies: () => lies,
    close,
  };
}
