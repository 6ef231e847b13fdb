import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { orGiveUp } from '../support/patience.ts';

/** A client that writes and reads bytes. */
export interface RawClient {
  readonly socket: Socket;
  /** Everything that was received. */
  received(): string;
  /** Resolves with everything that was received, when the server has closed the connection. */
  readonly closed: Promise<string>;
}

/**
 * Connects to a port on this machine.
 * @param from the address to connect from, 127.0.0.1 or another one that begins with 127
 */
export async function connectRaw(port: number, from = '127.0.0.1'): Promise<RawClient> {
  // Half-open, so that it is the test that decides when the client has nothing more to send.
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true });
  await orGiveUp('a connection', once(socket, 'connect'));
  const chunks: Buffer[] = [];
  const received = (): string => Buffer.concat(chunks).toString();
  const closed = new Promise<string>((resolve) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const event of ['end', 'close', 'error']) socket.on(event, () => resolve(received()));
  });
  return { socket, received, closed: orGiveUp('the server to close the connection', closed, received) };
}
