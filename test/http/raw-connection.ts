import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { orGiveUp } from '../support/patience.ts';

/** A response, as it was received. */
export interface RawResponse {
  readonly statusLine: string;
  /** With their names as they were sent, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** A connection for requests that are sent as they are, one after the other. */
export interface RawConnection {
  readonly socket: Socket;
  /**
   * Sends a request, in these parts, and resolves with its response.
   * @param hasBody whether it has the body that its headers tell of
   */
  ask(parts: string | readonly string[], hasBody?: boolean): Promise<RawResponse>;
  /** Resolves with the next response to what was sent otherwise. */
  next(hasBody?: boolean): Promise<RawResponse>;
  isClosed(): boolean;
  close(): void;
}

export async function openRaw(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, noDelay: true });
  let received = '';
  let isClosed = false;
  let onReceived: () => void = () => undefined;
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
    onReceived();
  });
  socket.on('close', () => {
    isClosed = true;
    onReceived();
  });
  socket.on('error', () => socket.destroy());
  await orGiveUp('a connection', once(socket, 'connect'));

  const take = (hasBody: boolean): RawResponse | undefined => {
    const end = received.indexOf('\r\n\r\n');
    if (end === -1) return undefined;
    const [statusLine = '', ...lines] = received.slice(0, end).split('\r\n');
    const headers = lines.map((line): [string, string] => [
      line.slice(0, line.indexOf(':')),
      line.slice(line.indexOf(':') + 1).trim(),
    ]);
    const length = hasBody ? Number(headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? 0) : 0;
    if (received.length < end + 4 + length) return undefined;
    const body = received.slice(end + 4, end + 4 + length);
    received = received.slice(end + 4 + length);
    return { statusLine, headers, body };
  };
  const next = (hasBody = true): Promise<RawResponse> =>
    orGiveUp(
      'a response',
      new Promise<RawResponse>((resolve, reject) => {
        onReceived = () => {
          const response = take(hasBody);
          if (response !== undefined) resolve(response);
          else if (isClosed) reject(new Error(`the connection was closed after ${JSON.stringify(received)}`));
        };
        onReceived();
      }),
      () => received,
    );
  return {
    socket,
    async ask(parts, hasBody) {
      for (const part of [parts].flat())
        await new Promise<void>((resolve) => socket.write(part, 'latin1', () => setImmediate(resolve)));
      return next(hasBody);
    },
    next,
    isClosed: () => isClosed,
    close: () => socket.destroy(),
  };
}
