import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TURNS } from '../turns.ts';
import { networkOf } from './client-of.ts';
import { tooSlowForOthers, type Arrivals } from './arrivals.ts';
import { createArrivingHeaders, headerBytes, type ArrivingHeaders } from './arriving-headers.ts';
import { sendError, writeErrorTo } from './error-response.ts';
import { HttpError } from './http-error.ts';
import { createReading } from './reading.ts';
import { createUnread, type Unread } from './unread.ts';

/** A client's connection, with the requests on it that have no complete response yet. */
export interface Connection extends Unread {
  readonly socket: Socket;
  /** Where it comes from (`networkOf`). */
  readonly network: string;
  /** Begins a request, now or when fewer of the earlier ones are pending. Called when its headers have arrived. */
  add(response: ServerResponse, begin: () => void): void;
  /** Sends this error after the pending responses, and closes the connection: what follows their requests cannot be read. */
  refuse(error: HttpError): void;
  /** Does so unless what is arriving is whole after this time, in which no earlier request keeps it waiting. */
  refuseLater(error: HttpError, ms: number): void;
  /** From now on, the last response tells the client that the connection will be closed. */
  announceClose(): void;
  /** Whether any response is pending. */
  isBusy(): boolean;
  /** Reads nothing more until `release`. */
  hold(): void;
  release(): void;
  /** Whether nothing is read meanwhile, because requests wait for earlier ones, or by `hold`. */
  isPaused(): boolean;
  /** Whether nothing is pending but a request that has not arrived completely. */
  isArriving(): boolean;
  /** How many bytes are held in this process because the client has not read its responses, or sends more than is handled. */
  heldBytes(): number;
}

interface ConnectionOptions {
  /** How many requests of the connection are handled at the same time. */
  readonly requestsAtOnce: number;
  readonly arrivals: Arrivals;
  /** Called with the status of an error that is sent without a response of Node's. */
  readonly onRefused: (status: number) => void;
  /** Called when a request waits because `requestsAtOnce` are being handled. */
  readonly onQueued: () => void;
  /** Called with the bytes of memory that a request's headers take until its response is complete, and then with the same below zero. */
  readonly onHeld: (bytes: number) => void;
  /** Called when a first response is pending, and when none is pending any more. */
  readonly onChange: (connection: Connection) => void;
}

/** How many connections there have been, for their names. */
let opened = 0;

/**
 * Tracks a connection. A client may send requests without waiting for responses (pipelining): beyond the first few, no more are
 * begun, and none is read. The few that were parsed together with them wait for their turn.
 */
export function createConnection(socket: Socket, options: ConnectionOptions): Connection {
  const { requestsAtOnce, arrivals, onRefused, onQueued, onHeld, onChange } = options;
  /** Responses that have not been sent completely, in the order of their requests, and what the headers of these take in memory. */
  const pending = new Map<ServerResponse, number>();
  const waiting: (() => void)[] = [];
  const network = networkOf(socket);
  const name = `${(opened += 1)}`;
  let newest: ServerResponse | undefined;
  let refusal: HttpError | undefined;
  let isClosing = false;
  const headers = createArrivingHeaders(() => arrivals.begin(network, () => connection.refuse(tooSlowForOthers())));
  const reading = createReading(socket, {
    network,
    connection: name,
    isBehind: () => waiting.length > 0,
    onParsed: headers.parsed,
  });
  socket.once('end', () => keepProbing(socket, pending));
  socket.once('close', () => {
    waiting.length = 0;
    headers.end();
    // Node emits nothing for responses that are queued behind others, whose requests would go on.
    for (const response of pending.keys()) if (response.socket === null) response.emit('close');
  });

  const ended = (response: ServerResponse): void => {
    onHeld(-(pending.get(response) ?? 0));
    pending.delete(response);
    waiting.shift()?.();
    reading.resume();
    if (pending.size > 0) return;
    newest = undefined;
    onChange(connection);
    if (refusal !== undefined) writeRefusal(socket, refusal, onRefused);
  };
  const beginInTurn = (response: ServerResponse, begin: () => void): void => {
    if (!TURNS.isTaken()) return begin();
    // Whoever sends more than is handled is not read from.
    reading.stop(response);
    const goOn = () => {
      reading.goOn(response);
      // It may have been refused or given up meanwhile.
      if (pending.has(response) && !response.writableEnded) begin();
    };
    TURNS.later(network, goOn, name);
    return undefined;
  };
  /** Only the last response may say `connection: close`, because the connection is closed after it. */
  const announceOnNewest = (): void => {
    if (newest?.headersSent === false) newest.setHeader('connection', 'close');
  };

  const connection: Connection = {
    ...createUnread(socket, pending),
    socket,
    network,
    add(response, begin) {
      const request = response.req;
      for (const watching of [reading, headers]) watching.begun(request);
      // An idle connection is not to keep the headers of its last request.
      request.once('close', () => {
        for (const watching of [reading, headers]) watching.closed(request);
      });
      if (isClosing && newest?.headersSent === false) newest.removeHeader('connection');
      newest = response;
      if (isClosing) announceOnNewest();
      const bytes = headerBytes(request);
      pending.set(response, bytes);
      response.once('close', () => ended(response));
      onHeld(bytes);
      if (pending.size === 1) onChange(connection);
      if (pending.size <= requestsAtOnce) return beginInTurn(response, begin);
      onQueued();
      // It may be refused while it waits.
      waiting.push(() => response.writableEnded || beginInTurn(response, begin));
      socket.pause();
      return undefined;
    },
    refuse(error) {
      if (refusal !== undefined) return;
      refusal = error;
      headers.end();
      reading.drop();
      if (newest === undefined) writeRefusal(socket, error, onRefused);
      else if (!newest.req.complete && !newest.headersSent)
        sendError(newest, new HttpError(error.status, error.message, { ...error.headers, connection: 'close' }));
    },
    refuseLater: (error, ms) => refuseUnlessWhole(connection, headers, { error, ms }),
    announceClose() {
      isClosing = true;
      announceOnNewest();
    },
    hold: () => reading.stop(connection),
    release: () => reading.goOn(connection),
    isBusy: () => pending.size > 0,
    isPaused: reading.isPaused,
    isArriving: () => pending.size === 1 && headers.hasBodyToCome(),
    heldBytes: () => reading.unparsedBytes() + unsentBytes(pending),
  };
  return connection;
}

function writeRefusal(socket: Socket, error: HttpError, onRefused: ConnectionOptions['onRefused']): void {
  if (!socket.writable) return;
  onRefused(error.status);
  writeErrorTo(socket, error);
}

function refuseUnlessWhole(
  connection: Connection,
  headers: ArrivingHeaders,
  { error, ms }: { error: HttpError; ms: number },
): void {
  const arriving = headers.current();
  const timer = setTimeout(() => {
    if (connection.isPaused()) timer.refresh();
    else if (arriving !== undefined && headers.current() === arriving) connection.refuse(error);
  }, ms).unref();
  connection.socket.once('close', () => clearTimeout(timer));
}

const unsentBytes = (pending: ReadonlyMap<ServerResponse, number>): number => {
  let sum = 0;
  // Those that have not arrived completely are counted among others like them.
  for (const [{ writableLength, req }, ofHeaders] of pending) sum += writableLength + (req.complete ? ofHeaders : 0);
  return sum;
};

const PROBE_MS = 1_000;

function keepProbing(socket: Socket, pending: ReadonlyMap<ServerResponse, unknown>): void {
  probe(pending);
  const probing = setInterval(() => probe(pending), PROBE_MS);
  socket.once('close', () => clearInterval(probing));
}

/**
 * Finds out whether a client that has finished sending still reads. To the server, closing a connection looks like closing one
 * half of it. But the system of a client that is gone refuses what is sent to it, the next time fails, and the connection is closed.
 * Every client must accept any number of these interim responses (RFC 9110, 15.2).
 */
function probe(pending: ReadonlyMap<ServerResponse, unknown>): void {
  const [first] = pending.keys();
  if (first !== undefined && !first.headersSent && first.req.httpVersion === '1.1') first.writeContinue();
}
