import type { Socket } from 'node:net';
import { packet } from '../support/mysql-packets.ts';
import type { KeyPair } from '../tls/certificates.ts';
import { startProxy } from './proxy.ts';
import { encrypted, signIn } from './tls-front.ts';

/** What to pass on of an answer, and whether to cut the connection after it. */
export type Spoil = (answer: Buffer) => { readonly bytes: Buffer; readonly cuts?: boolean };

/** A proxy that can answer in the database server's place. */
export interface LyingProxy {
  readonly port: number;
  /** Answers the next matching command with these bytes; the server still gets it, but its answer is dropped. */
  readonly answerNext: (isMeant: (command: Buffer) => boolean, answer: Buffer) => void;
  /**
   * In place of each matching statement, prepared or not, has the server roll the transaction back, and answers with this error:
   * so does a server when it has chosen the transaction as the victim of a conflict. Until as many were answered as given.
   */
  readonly rollBackNext: (isMeant: (sql: string) => boolean, error: Buffer, count: number) => void;
  /** Has the server answer the next matching command, and passes on what `spoil` makes of it. */
  readonly spoilNext: (isMeant: (command: Buffer) => boolean, spoil: Spoil) => void;
  /**
   * Sends these bytes to each new connection, as the greeting or, once it is encrypted, as the answer to the sign-in, until
   * called with undefined. Cuts the open connections.
   */
  readonly greet: (answer: Buffer | undefined) => void;
  /** How many false answers were sent. */
  readonly lies: () => number;
  readonly close: () => Promise<void>;
}

const [QUERY, PREPARE, EXECUTE] = [0x03, 0x16, 0x17];
const ROLLBACK = packet(0, Buffer.from('\u0003ROLLBACK'));

/** Follows what is prepared on a connection, and tells the text of the statement that a command runs; '' for other commands. */
function statementTexts(client: Socket, upstream: Socket): (command: Buffer) => string {
  const prepared = new Map<number, string>();
  let preparing: string | undefined;
  const textOf = (command: Buffer) => command.toString('utf8', 5);
  client.on('data', (data: Buffer) => {
    preparing = data[4] === PREPARE ? textOf(data) : undefined;
  });
  upstream.on('data', (answer: Buffer) => {
    if (preparing !== undefined && answer[4] === 0) prepared.set(answer.readUInt32LE(5), preparing);
    preparing = undefined;
  });
  return (command) => {
    if (command[4] === QUERY) return textOf(command);
    return command[4] === EXECUTE ? (prepared.get(command.readUInt32LE(5)) ?? '') : '';
  };
}

/**
 * Starts a proxy to a server on loopback.
 * @param pair for TLS between the client and the proxy, which then speaks for the server in plain text
 */
export async function startLyingProxy(serverPort: number, pair?: KeyPair): Promise<LyingProxy> {
  let next: { isMeant: (command: Buffer) => boolean; answer: Buffer | Spoil } | undefined;
  let victims: { isMeant: (sql: string) => boolean; error: Buffer; left: number } | undefined;
  let greeting: Buffer | undefined;
  let lies = 0;
  const relay = (client: Socket, upstream: Socket): void => {
    let isLyingTo = greeting !== undefined;
    let spoil: Spoil | undefined;
    const sqlOf = statementTexts(client, upstream);
    const lie = (answer: Buffer): void => {
      lies += 1;
      isLyingTo = true;
      client.write(answer);
    };
    if (greeting !== undefined) lie(greeting);
    client.on('data', (data: Buffer) => {
      if (victims !== undefined && victims.left > 0 && victims.isMeant(sqlOf(data))) {
        victims.left -= 1;
        const { error } = victims;
        spoil = () => ({ bytes: error });
        upstream.write(ROLLBACK);
        return;
      }
      upstream.write(data);
      if (next?.isMeant(data) !== true) return;
      const { answer } = next;
      next = undefined;
      if (typeof answer === 'function') spoil = answer;
      else lie(answer);
    });
    upstream.on('data', (data: Buffer) => {
      if (spoil !== undefined) {
        const { bytes, cuts = false } = spoil(data);
        spoil = undefined;
        lies += 1;
        if (cuts) client.end(bytes);
        else client.write(bytes);
        return;
      }
      // Drops one answer; a client that can continue with the connection then hears from the server again.
      if (!isLyingTo) client.write(data);
      isLyingTo = greeting !== undefined;
    });
  };
  const joined = async (client: Socket, upstream: Socket): Promise<void> => {
    if (pair === undefined) return relay(client, upstream);
    const secure = await encrypted(client, upstream, pair);
    if (greeting === undefined) await signIn(secure, upstream);
    relay(secure, upstream);
  };
  const { port, destroyAll, close } = await startProxy(serverPort, (client, upstream) => {
    // Fails when the connection is lost before it is signed in.
    joined(client, upstream).catch(() => client.destroy());
  });
  return {
    port,
    answerNext: (isMeant, answer) => (next = { isMeant, answer }),
    rollBackNext: (isMeant, error, left) => (victims = { isMeant, error, left }),
    spoilNext: (isMeant, spoil) => (next = { isMeant, answer: spoil }),
    greet(answer) {
      greeting = answer;
      destroyAll();
    },
    lies: () => lies,
    close,
  };
}
