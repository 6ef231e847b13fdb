import { startProxy } from './proxy.ts';

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
      // One answer is thrown away; a client that can go on with that connection then hears the server again.
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
