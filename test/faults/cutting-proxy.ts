import { startProxy } from './proxy.ts';

/** A proxy that can cut connections and hold back the server's answers. */
export interface CuttingProxy {
  readonly port: number;
  /**
   * Cuts all open connections, and from now on each connection whose client sends this; undefined to stop. With `after`, the
   * server gets and executes it, but the client does not get the answer.
   */
  readonly cut: (text: RegExp | undefined, when?: 'before' | 'after') => void;
  /** The next times that a client sends this, cuts its connection before the server gets it. */
  readonly cutNext: (text: RegExp, times: number) => void;
  /** The next times that a client sends this, passes it on and cuts the connection at the answer. */
  readonly loseAnswers: (text: RegExp, times: number) => void;
  /** Holds back the next answer with this text; resolves when there is one, with a function that releases it. */
  readonly holdAnswer: (text: RegExp) => Promise<() => void>;
  /** How many connections were cut because of what their client sent. */
  readonly cuts: () => number;
  readonly close: () => Promise<void>;
}

interface Watched {
  readonly text: RegExp;
  times: number;
}

function isNext(watched: Watched | undefined, text: string): boolean {
  if (watched === undefined || watched.times === 0 || !watched.text.test(text)) return false;
  watched.times -= 1;
  return true;
}

/** Starts a proxy to a server on loopback. */
export async function startCuttingProxy(serverPort: number): Promise<CuttingProxy> {
  let forbidden: Watched | undefined;
  let lost: Watched | undefined;
  let held: { text: RegExp; found: (release: () => void) => void } | undefined;
  let count = 0;
  const { port, destroyAll, close } = await startProxy(serverPort, (client, upstream) => {
    let isLost = false;
    client.on('data', (data: Buffer) => {
      const text = data.toString('latin1');
      if (isNext(forbidden, text)) {
        count += 1;
        client.destroy();
        return;
      }
      if (isNext(lost, text)) {
        count += 1;
        isLost = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => {
      if (isLost) {
        client.destroy();
        return;
      }
      if (held?.text.test(data.toString('latin1')) !== true) {
        client.write(data);
        return;
      }
      upstream.pause();
      held.found(() => {
        client.write(data);
        upstream.resume();
      });
      held = undefined;
    });
  });
  return {
    port,
    cut(text, when = 'before') {
      const watched = text && { text, times: Number.POSITIVE_INFINITY };
      forbidden = when === 'before' ? watched : undefined;
      lost = when === 'after' ? watched : undefined;
      if (text !== undefined) destroyAll();
    },
    cutNext(text, times) {
      forbidden = { text, times };
    },
    loseAnswers(text, times) {
      lost = { text, times };
    },
    holdAnswer: (text) => new Promise((found) => (held = { text, found })),
    cuts: () => count,
    close,
  };
}
