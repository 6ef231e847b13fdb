import type { IncomingMessage } from 'node:http';
import type { Arrival } from './arrivals.ts';

/** How many bytes of memory headers take for each byte that has arrived, if they are many short ones. */
const HEADER_WEIGHT = 5;

/** Counts what has arrived of a connection's next request, up to the end of its headers. */
export interface ArrivingHeaders {
  /** Bytes were parsed. */
  readonly parsed: (bytes: number) => void;
  /** The headers of a request have arrived. */
  begun(request: IncomingMessage): void;
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
export function createArrivingHeaders(begin: () => Arrival): ArrivingHeaders {
  let last: IncomingMessage | undefined;
  /** Whether a request has begun in what was parsed at once. */
  let hasBegun = false;
  /** Whether it had a body to come after that. */
  let isInBody = false;
  let hasEnded = false;
  let arrival: Arrival | undefined;
  const reset = (): void => {
    arrival?.end();
    arrival = undefined;
  };
  const hasBodyToCome = (): boolean => last?.complete === false;
  return {
    parsed(bytes) {
      // Bodies are counted by whoever reads them.
      const isOther = hasBegun || hasEnded || isInBody;
      hasBegun = false;
      isInBody = hasBodyToCome();
      if (isOther) return;
      arrival ??= begin();
      arrival.add(bytes * HEADER_WEIGHT);
    },
    begun(request) {
      reset();
      last = request;
      hasBegun = true;
    },
    hasBodyToCome,
    current: () => arrival ?? (hasBodyToCome() ? last : undefined),
    end() {
      hasEnded = true;
      reset();
    },
  };
}
