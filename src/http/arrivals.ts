import { HttpError } from './http-error.ts';

/** What has arrived of a request that is not whole yet. */
export interface Arrival {
  /** Adds bytes of memory. Others, or this one, are given up if all of them together take too much. */
  add(bytes: number): void;
  /** The request is whole, or was given up. */
  end(): void;
}

/** The requests that have begun to arrive. */
export interface Arrivals {
  /**
   * @param network where it comes from (`networkOf`)
   * @param giveUp called at most once, when others need the memory
   */
  begin(network: string, giveUp: () => void): Arrival;
}

interface OfNetwork {
  bytes: number;
  /** In the order in which they began. */
  readonly open: Map<Arrival, { bytes: number; readonly giveUp: () => void }>;
}

/**
 * Bounds the memory for requests that have not arrived completely. Beyond `maxBytes`, the network that uses most of it gives up
 * those that began first, since others arrive within milliseconds.
 */
export function createArrivals(maxBytes: number): Arrivals {
  const networks = new Map<string, OfNetwork>();
  let total = 0;
  const isFull = (): boolean => total > maxBytes;
  const giveUpOne = (): void => {
    const largest = networks.values().reduce((most, one) => (one.bytes > most.bytes ? one : most));
    const found = largest.open.entries().find(([, { bytes }]) => bytes > 0);
    found?.[0].end();
    found?.[1].giveUp();
  };
  return {
    begin(network, giveUp) {
      const ofNetwork = networks.get(network) ?? { bytes: 0, open: new Map() };
      networks.set(network, ofNetwork);
      const own = { bytes: 0, giveUp };
      const arrival: Arrival = {
        add(bytes) {
          if (!ofNetwork.open.has(arrival)) return;
          own.bytes += bytes;
          ofNetwork.bytes += bytes;
          total += bytes;
          while (isFull()) giveUpOne();
        },
        end() {
          if (!ofNetwork.open.delete(arrival)) return;
          ofNetwork.bytes -= own.bytes;
          total -= own.bytes;
          if (ofNetwork.open.size === 0) networks.delete(network);
        },
      };
      ofNetwork.open.set(arrival, own);
      return arrival;
    },
  };
}

/** The error for a request that is given up. */
export const tooSlowForOthers = (): HttpError =>
  new HttpError(503, 'Expected the whole request sooner: others need the memory; try again.', {
    connection: 'close',
    'retry-after': '1',
  });
