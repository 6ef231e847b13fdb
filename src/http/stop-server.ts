import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';

export interface StopOptions {
  /** When every connection is closed, whatever is in progress, after everything that was sent has been read. */
  readonly withinMs: number;
  /** How long nothing must have arrived before clients are taken to send nothing more. 0 for a few turns of the event loop. */
  readonly quietMs: number;
  /** Called when new connections are refused and idle ones closed: ends the responses that have no end. */
  readonly onRefusing: () => void;
}

interface Stopped {
  /** Reads nothing from any connection, so that nothing but new connections keeps the event loop busy. */
  readonly hold: () => void;
  /** Reads again. */
  readonly release: () => void;
  /** Closes the connections on which neither a request nor a response is being sent. */
  readonly closeIdle: () => void;
  /** Closes every connection. */
  readonly closeAll: () => void;
}

/**
 * After this many turns of the event loop without a new connection or request, none is pending: one turn accepts it, the next
 * reads it.
 */
const QUIET_TURNS = 4;
/** After this we no longer wait for clients that keep sending. */
const WAITING_MS = 1_000;

export interface Stop {
  readonly stop: (options: StopOptions) => Promise<void>;
  /** To be called when a connection has become idle otherwise than by the end of a response of Node's. */
  readonly idle: () => void;
}

/**
 * Creates a function that stops a server without losing requests:
 *
 * 1. The operating system resets connections that it has accepted for us and that we have not seen when we stop listening, with the
 *    requests in them. So we read nothing until clients, who wait for responses, open no more connections; and stop in the
 *    same moment in which we have seen all of them.
 * 2. We read what was sent. Then a connection that looks idle is idle, and is closed.
 * 3. Each other connection is closed after its last response. If that had begun before its client could be told, the client may
 *    be about to use the connection again: it is closed a little later.
 */
export function createStop(server: Server, { hold, release, closeIdle, closeAll }: Stopped): Stop {
  let arrivals = 0;
  let onIdle: (() => void) | undefined;
  server.on('connection', () => (arrivals += 1));
  const onRequest = (_: unknown, response: ServerResponse): void => {
    arrivals += 1;
    response.on('close', () => onIdle?.());
  };
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, onRequest);

  async function untilQuiet(quietMs: number): Promise<void> {
    const end = performance.now() + WAITING_MS;
    const hasArrived = async (waiting: Promise<unknown>): Promise<boolean> => {
      const before = arrivals;
      await waiting;
      return arrivals !== before && performance.now() < end;
    };
    let isQuiet = quietMs === 0;
    while (!isQuiet) isQuiet = !(await hasArrived(sleep(quietMs)));
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) if (await hasArrived(turn())) quiet = -1;
  }

  const stop: Stop['stop'] = async ({ withinMs, quietMs, onRefusing }) => {
    hold();
    await untilQuiet(quietMs);
    // That of HTTP would close idle connections first, which takes time in which others arrive.
    NetServer.prototype.close.call(server);
    release();
    await untilQuiet(0);
    const timer = setTimeout(closeAll, withinMs);
    onIdle = () => setTimeout(closeIdle, quietMs);
    const closed = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
    closeIdle();
    onRefusing();
    await closed;
    // Ends what Node does regularly for a server.
    server.close();
    clearTimeout(timer);
  };
  return { stop, idle: () => onIdle?.() };
}
