import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TURNS } from '../turns.ts';
import { networkOf } from './client-of.ts';
import { tooSlowForOthers, type Arrivals } from './arrivals.ts';
import { createArrivingHeaders, type ArrivingHeaders } from './arriving-headers.ts';
import { sendError, writeErrorTo } from './error-response.ts';
import { HttpError } from './http-error.ts';
import { createKnownAnswers } from './known-answers.ts';
import type { KnownRequests } from './known-requests.ts';
import { createLatestRequest } from './latest-request.ts';
import { createPendingResponses, type PendingResponses } from './pending-responses.ts';
import { createReading, type Reading } from './reading.ts';
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
  /** Undefined when every request is parsed. */
  readonly known?: KnownRequests | undefined;
  /** Called with the status of an error that is sent without a response of Node's. */
  readonly onRefused: (status: number) => void;
  /** Called when a request waits because `requestsAtOnce` are being handled. */
  readonly onQueued: () => void;
  /** Called with the bytes of memory that a request's headers take until its response is complete, and then with the same below zero. */
  readonly onHeld: (bytes: number) => void;
  /** Called when a response to a known request was sent, unless that was done at once. */
  readonly onKnownSent: () => void;
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
  const { requestsAtOnce, onRefused, onQueued, onHeld, onChange } = options;
  const pending = createPendingResponses(onHeld);
  const waiting: (() => void)[] = [];
  const network = networkOf(socket);
  const name = `${(opened += 1)}`;
  let refusal: HttpError | undefined;
  const { headers, reading, ...receiving } = createReceiving(socket, {
    ...options,
    network,
    name,
    pending,
    isBehind: () => waiting.length > 0,
    refuse: (error) => connection.refuse(error),
    onAnswering(isAnswering) {
      onChange(connection);
      if (!isAnswering) options.onKnownSent();
    },
  });
  socket.once('end', () => keepProbing(socket, pending));
  socket.once('close', () => {
    waiting.length = 0;
    headers.end();
    pending.closed();
  });

  const ended = (response: ServerResponse): void => {
    pending.remove(response);
    waiting.shift()?.();
    reading.resume();
    if (pending.size() > 0) return;
    onChange(connection);
    if (refusal !== undefined) writeRefusal(socket, refusal, onRefused);
  };
  const beginInTurn = (response: ServerResponse, begin: () => void): void =>
    inTurn({ reading, network, name }, () => {
      // It may have been refused or given up meanwhile.
      if (pending.has(response) && !response.writableEnded) begin();
    });

  const connection: Connection = {
    ...createUnread(socket, pending, receiving.isAnswering),
    socket,
    network,
    add(response, begin) {
      receiving.begun(response.req);
      pending.add(response);
      response.once('close', () => ended(response));
      if (pending.size() === 1) onChange(connection);
      if (pending.size() <= requestsAtOnce) return beginInTurn(response, begin);
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
      const newest = pending.newest();
      if (newest === undefined) writeRefusal(socket, error, onRefused);
      else refuseUnlessBegun(newest, error);
    },
    refuseLater: (error, ms) => refuseUnlessWhole(connection, headers, { error, ms }),
    announceClose: pending.announceClose,
    hold: () => reading.stop(connection),
    release: () => reading.goOn(connection),
    isBusy: () => pending.size() > 0 || receiving.isAnswering(),
    isPaused: reading.isPaused,
    isArriving: () => pending.size() === 1 && headers.hasBodyToCome(),
    heldBytes: () => reading.unparsedBytes() + (receiving.isAnswering() ? socket.writableLength : pending.heldBytes()),
  };
  return connection;
}

interface ReceivingOptions extends Pick<ConnectionOptions, 'arrivals' | 'known'> {
  readonly network: string;
  readonly name: string;
  readonly pending: PendingResponses;
  readonly isBehind: () => boolean;
  readonly refuse: (error: HttpError) => void;
  /** Called when a known request begins to be answered otherwise than at once, and when it was. */
  readonly onAnswering: (isAnswering: boolean) => void;
}

/** Looks at what arrives, before Node's parser does. */
function createReceiving(socket: Socket, { network, name, pending, arrivals, known, ...options }: ReceivingOptions) {
  const latest = createLatestRequest();
  const headers = createArrivingHeaders(latest, () =>
    arrivals.begin(network, () => options.refuse(tooSlowForOthers())),
  );
  const answers = createKnownAnswers(socket, {
    known,
    network,
    connection: name,
    reading: () => reading,
    isBetweenRequests: () =>
      pending.size() === 0 && !pending.isClosing() && socket.writableLength === 0 && headers.current() === undefined,
    onBusy: options.onAnswering,
  });
  const reading = createReading(socket, {
    network,
    connection: name,
    latest,
    isBehind: options.isBehind,
    answer: answers.answer,
    onParsed: headers.parsed,
  });
  return {
    headers,
    reading,
    isAnswering: answers.isBusy,
    /** To be called when the headers of a request have arrived. */
    begun(request: IncomingMessage): void {
      latest.begun(request);
      reading.begun(request);
      answers.begun(request);
      headers.begun();
    },
  };
}

/** Begins a request, now or in a turn of its network. Whoever sends more than is handled is not read from. */
function inTurn(by: { reading: Reading; network: string; name: string }, begin: () => void): void {
  if (!TURNS.isTaken()) return begin();
  const reason = {};
  by.reading.stop(reason);
  const goOn = (): void => {
    by.reading.goOn(reason);
    begin();
  };
  TURNS.later(by.network, goOn, by.name);
  return undefined;
}

/** Answers a request that has not arrived completely. */
function refuseUnlessBegun(response: ServerResponse, { status, message, headers }: HttpError): void {
  if (response.req.complete || response.headersSent) return;
  sendError(response, new HttpError(status, message, { ...headers, connection: 'close' }));
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

const PROBE_MS = 1_000;

function keepProbing(socket: Socket, { probe }: PendingResponses): void {
  probe();
  const probing = setInterval(probe, PROBE_MS);
  socket.once('close', () => clearInterval(probing));
}
