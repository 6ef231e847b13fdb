import { givenUp } from '../errors.ts';

/** Calls a function with the client of each request that joins, until the function that it returns is called. */
export type OnJoined = (joined: (client: string) => void) => () => void;

/** What a flight knows of those who wait for it. */
export interface Passengers {
  /** Aborts when nobody waits for the outcome any more. */
  readonly signal: AbortSignal;
  readonly onJoined: OnJoined;
}

/** Something under way that several requests may wait for. */
interface Flight<Outcome> {
  /**
   * Undefined once it has ended. V8 replaces the table of a Map after some dozen changes, and old tables refer to all later ones: one
   * that is among its old objects has it take all that they refer to for used, until it collects old objects. Here that was
   * every response.
   */
  outcome: Promise<Outcome> | undefined;
  readonly controller: AbortController;
  /** Called when a request joins. */
  readonly listeners: Set<(client: string) => void>;
  /** Of the requests that have joined, for a listener that comes later. */
  readonly clients: Set<string>;
  waiting: number;
}

/** A request's part in a flight. */
export interface Boarded<Outcome> {
  /** Whether it has started the flight, rather than joined it. */
  readonly isFirst: boolean;
  readonly outcome: Promise<Outcome>;
  /** To be called once, when the request no longer waits for the outcome. */
  readonly leave: () => void;
}

/** Creates the flights of this process, by name: what is under way once, for everybody who waits for it. */
export function createFlights<Outcome>() {
  const flights = new Map<string, Flight<Outcome>>();
  const begin = (name: string, fly: (passengers: Passengers) => Promise<Outcome>) => {
    const controller = new AbortController();
    const end = (): void => {
      if (flights.get(name) === flight) flights.delete(name);
      flight.outcome = undefined;
    };
    const [listeners, clients] = [new Set<(client: string) => void>(), new Set<string>()];
    const onJoined: OnJoined = (joined) => {
      for (const client of clients) joined(client);
      listeners.add(joined);
      return () => void listeners.delete(joined);
    };
    const outcome = fly({ signal: controller.signal, onJoined }).finally(end);
    const flight: Flight<Outcome> = { outcome, controller, listeners, clients, waiting: 0 };
    // Whoever waits for it hears of it, and perhaps nobody does any more.
    outcome.catch(() => undefined);
    flights.set(name, flight);
    return { flight, outcome };
  };
  return {
    has: (name: string): boolean => flights.has(name),
    /**
     * Joins the flight of that name, or else starts it.
     * @param client for whom it is done, too
     */
    board(name: string, client: string, fly: (passengers: Passengers) => Promise<Outcome>): Boarded<Outcome> {
      const known = flights.get(name);
      const { flight, outcome } =
        known?.outcome === undefined ? begin(name, fly) : { flight: known, outcome: known.outcome };
      const isFirst = flight !== known;
      flight.waiting += 1;
      if (!isFirst && !flight.clients.has(client)) {
        flight.clients.add(client);
        for (const joined of flight.listeners) joined(client);
      }
      const leave = (): void => {
        flight.waiting -= 1;
        // Not once it has ended: creating the reason takes longer than anything else here.
        if (flight.waiting > 0 || flights.get(name) !== flight) return;
        flights.delete(name);
        flight.controller.abort(givenUp());
      };
      return { isFirst, outcome, leave };
    },
  };
}
