import { connect } from 'node:net';
import { orGiveUp } from '../support/patience.ts';

/** What was received on a socket until the server closed it or `until` was met. */
export interface RawAnswer {
  readonly text: string;
  /** Whether the server ended the connection. */
  readonly closed: boolean;
}

/**
 * Sends raw bytes, which no HTTP client would send, and returns what is received.
 * @param parts sent one after the other
 * @param until whether enough was received; otherwise waits for the server to close
 */
export function sendRaw(
  url: string,
  parts: readonly (string | Buffer)[],
  until: (text: string) => boolean = () => false,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  let text = '';
  const answer = new Promise<RawAnswer>((resolve) => {
    const socket = connect(Number(port), hostname);
    const finish = (closed: boolean): void => {
      socket.destroy();
      resolve({ text, closed });
    };
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (until(text)) finish(false);
    });
    socket.on('close', () => finish(true));
    // A server that refuses a body resets the connection while we are still writing; what it sent before counts.
    socket.on('error', () => socket.destroy());
    for (const part of parts) socket.write(part);
  });
  return orGiveUp('the server to answer or close', answer, () => text);
}

/** The status codes of the responses received on a socket. */
export function statusesIn({ text }: RawAnswer): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
