import { connect } from 'node:net';
import { orGiveUp } from '../support/patience.ts';

/** What came back on a socket until the server closed it or `until` was met. */
export interface RawAnswer {
  readonly text: string;
  /** Whether the server ended the connection. */
  readonly closed: boolean;
}

/**
 * Sends bytes as they are, which no HTTP client would, and gives what comes back.
 * @param parts sent one after the other
 * @param until enough has come; otherwise it is waited for the server to close
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
    // A server that refuses a body resets the connection while we still write; what it said before counts.
    socket.on('error', () => socket.destroy());
    for (const part of parts) socket.write(part);
  });
  return orGiveUp('the server to answer or close', answer, () => text);
}

/** The status codes of the answers in what came back on a socket. */
export function statusesIn({ text }: RawAnswer): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
