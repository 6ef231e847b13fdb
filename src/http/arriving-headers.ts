import type { IncomingMessage } from 'node:http';
import type { Arrival } from './arrivals.ts';
import type { LatestRequest } from './latest-request.ts';
import { headerBytes, HEADER_WEIGHT } from './pending-responses.ts';

/** Counts what has arrived of a connection's next request: its headers, until all of it has arrived. */
export interface ArrivingHeaders {
  /** Bytes were parsed. */
  readonly parsed: (bytes: number) => void;
  /** The headers of a request have arrived. */
  begun(): void;
  /** Whether the last request whose headers have arrived has a body that has not. */
  hasBodyToCome(): boolean;
  /** What is arriving, to compare it with later; undefined when nothing is. */
  current(): Arriving | undefined;
  /** No further request is parsed. */
  end(): void;
}

/** The request that is arriving: its headers, or its body. */
type Arriving = Arrival | IncomingMessage;

/** @param begin begins to count among what has arrived of all connections */
export function createArrivingHeaders(latest: LatestRequest, begin: () => Arrival): ArrivingHeaders {
  /** Whether a request has begun in what was parsed at once. */
  let hasBegun = false;
  /** Whether its body had not arrived completely after that. */
  let isInBody = false;
  let hasEnded = false;
  let arrival: Arrival | undefined;
  const reset = (): void => {
    arrival?.end();
    arrival = undefined;
  };
  const hasBodyToCome = (): boolean => latest.current()?.complete === false;
  return {
    parsed(bytes) {
      const isFirst = hasBegun;
      hasBegun = false;
      if (hasEnded) return;
      const request = latest.current();
      if (request?.complete === false) {
        // The body itself is counted by whoever reads it.
        if (!isFirst) return;
        arrival = begin();
        arrival.add(headerBytes(request));
      } else if (isFirst || isInBody) reset();
      else {
        arrival ??= begin();
        arrival.add(bytes * HEADER_WEIGHT);
      }
      isInBody = hasBodyToCome();
    },
    begun() {
      reset();
      hasBegun = true;
    },
    hasBodyToCome,
    current: () => (hasBodyToCome() ? latest.current() : arrival),
    end() {
      hasEnded = true;
      reset();
    },
  };
}
