import type { IncomingMessage } from 'node:http';
import type { Arrival } from './arrivals.ts';

/** How many bytes of memory headers take at most for each byte that has arrived: if they are many short ones. */
const HEADER_WEIGHT = 5;

/** What the headers of a request take in memory, in bytes. */
export function headerBytes({ rawHeaders }: IncomingMessage): number {
  let characters = 0;
  for (const { length } of rawHeaders) characters += length;
  return characters * HEADER_WEIGHT;
}

/** Counts what has arrived of a connection's next request: its headers, until all of it has arrived. */
export interface ArrivingHeaders {
  /** Bytes were parsed. */
  readonly parsed: (bytes: number) => void;
  /** The headers of a request have arrived. */
  begun(request: IncomingMessage): void;
  /** A request is over. */
  closed(request: IncomingMessage): void;
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
  /** Whether its body had not arrived completely after that. */
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
      const isFirst = hasBegun;
      hasBegun = false;
      if (hasEnded) return;
      if (last !== undefined && hasBodyToCome()) {
        // The body itself is counted by whoever reads it.
        if (!isFirst) return;
        arrival = begin();
        arrival.add(headerBytes(last));
      } else if (isFirst || isInBody) reset();
      else {
        arrival ??= begin();
        arrival.add(bytes * HEADER_WEIGHT);
      }
      isInBody = hasBodyToCome();
    },
    begun(request) {
      reset();
      last = request;
      hasBegun = true;
    },
    closed(request) {
      if (last === request && request.complete) last = undefined;
    },
    hasBodyToCome,
    current: () => (hasBodyToCome() ? last : arrival),
    end() {
      hasEnded = true;
      reset();
    },
  };
}
