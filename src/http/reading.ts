import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TURNS } from '../turns.ts';
import type { LatestRequest } from './latest-request.ts';
import { createMessageParts } from './message-parts.ts';

const NOTHING: Buffer = Buffer.alloc(0);
/** The most that Node reads at once. If it has read as much, there may be more, and it would read 32 times before anything else. */
const MOST_BYTES = 65_536;
/** More than a request takes whose body is not in chunks: its headers are parsed in one or two parts, and its body in one. */
const MANY_BYTES = 8_192;

/** Reads from a connection, and passes what arrives on to Node's parser. */
export interface Reading {
  /** To be called when the headers of a request have arrived. */
  readonly begun: (request: IncomingMessage) => void;
  /** Whether there is a reason not to read. */
  readonly isPaused: () => boolean;
  /** To be called when fewer requests wait. */
  readonly resume: () => void;
  /** Reads and parses nothing, until `goOn` is called with the same reason. */
  readonly stop: (reason: object) => void;
  readonly goOn: (reason: object) => void;
  /** Does not parse the first bytes of what waits to be. */
  readonly skip: (bytes: number) => void;
  /** How many bytes have arrived and are not parsed yet. */
  readonly unparsedBytes: () => number;
  /** Parses nothing any more: whatever arrives is dropped. */
  readonly drop: () => void;
}

interface ReadingOptions {
  /** Who has a turn of the event loop for what arrives in large amounts. */
  readonly network: string;
  /** The name of the connection, unlike that of any other. */
  readonly connection: string;
  readonly latest: LatestRequest;
  /** Whether requests that have arrived wait for others. */
  readonly isBehind: () => boolean;
  /**
   * Called with what has arrived, and whether something before it waits to be parsed. Returns whether it was answered, so that it need
   * not be parsed.
   */
  readonly answer: (arrived: Buffer, isBehind: boolean) => boolean;
  /** Called with the number of bytes that were parsed. */
  readonly onParsed: (bytes: number) => void;
}

/**
 * Takes a connection over from Node, which parses all of the 64 KiB that may arrive at once before anything else happens: more
 * than a thousand small requests, for which the event loop would be held up for a tenth of a second. Here, a request is parsed only
 * when nothing speaks against more of them.
 */
export function createReading(socket: Socket, options: ReadingOptions): Reading {
  const { network, connection, latest, isBehind, answer, onParsed } = options;
  const reasons = new Set<object>();
  const node = takeOver(socket);
  const parts = createMessageParts();
  let rest = NOTHING;
  let [hasEnded, isParsing, isDropped] = [false, false, false];
  const isPaused = (): boolean =>
    reasons.size > 0 || (!isDropped && (isBehind() || isToBeKept(latest.current(), rest.length)));

  const parseRest = (): void => {
    // A response that ends within the parser resumes the reading.
    if (isParsing) return;
    isParsing = true;
    let parsed = 0;
    try {
      while (rest.length > 0 && !socket.destroyed && !isPaused() && !node.isPaused()) {
        TURNS.charge(network, connection);
        const part = parts.next(rest);
        rest = rest.subarray(part.length);
        node.parse(part);
        onParsed(part.length);
        parsed += part.length;
        // A thousand tiny chunks of a body take a millisecond or two, whether somebody reads it or not.
        if (parsed > MANY_BYTES && rest.length > 0 && TURNS.look()) goOnLater();
      }
    } finally {
      isParsing = false;
    }
    if (rest.length > 0) socket.pause();
    else if (hasEnded) {
      hasEnded = false;
      node.end();
    }
  };
  const resume = (): void => {
    if (isPaused() || socket.destroyed) return;
    parseRest();
    if (rest.length === 0 && !isPaused()) socket.resume();
  };

  const stop = (reason: object): void => {
    reasons.add(reason);
    socket.pause();
  };
  const goOn = (reason: object): void => {
    reasons.delete(reason);
    resume();
  };

  function goOnLater(): void {
    if (reasons.has(parts)) return;
    stop(parts);
    TURNS.later(network, () => goOn(parts), connection);
  }

  socket.on('data', (chunk: Buffer) => {
    if (chunk.length >= MOST_BYTES && TURNS.isTaken()) goOnLater();
    if (isDropped || answer(chunk, rest.length > 0 || isPaused())) return;
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    parseRest();
  });
  socket.on('end', () => {
    hasEnded = !isDropped;
    parseRest();
  });
  // Node resumes the socket whenever a request's body is read.
  socket.on('resume', () => (isPaused() ? void socket.pause() : parseRest()));
  return {
    begun(request) {
      // Node resumes the socket then, but not one whose client has sent everything.
      if (isToBeKept(request, rest.length)) request.once('resume', resume);
      parts.begun(Number(request.headers['content-length']));
    },
    isPaused,
    resume,
    stop,
    goOn,
    skip: (bytes) => void (rest = rest.subarray(bytes)),
    // A part keeps all of what has arrived with it in memory.
    unparsedBytes: () => (rest.length > 0 ? rest.buffer.byteLength : 0) + socket.readableLength,
    drop() {
      isDropped = true;
      rest = NOTHING;
    },
  };
}

/**
 * Whether Node would keep a body, part by part, because nobody reads it yet. A part of a byte takes hundreds of bytes, and those of
 * a body in chunks may be that small. A body that has arrived completely is one part.
 */
function isToBeKept(request: IncomingMessage | undefined, arrivedBytes: number): boolean {
  if (request === undefined || request.complete || request.readableFlowing === true) return false;
  const { 'content-length': length = 0, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || Number(length) > arrivedBytes;
}

/** What Node's HTTP server does with what arrives. */
interface NodeReading {
  readonly parse: (part: Buffer) => void;
  readonly end: () => void;
  /** Whether Node reads nothing because the client does not read its responses. */
  readonly isPaused: () => boolean;
}

/**
 * Takes the listeners that Node's HTTP server has for what arrives. Once a socket has another one, Node also stops reading where
 * no listener is called.
 */
function takeOver(socket: Socket): NodeReading {
  const take = (event: 'data' | 'end') => {
    const listener = socket.listeners(event).at(-1) as ((part?: Buffer) => void) | undefined;
    if (listener === undefined) throw new Error(`expected an HTTP server that listens to "${event}" of its sockets`);
    socket.removeListener(event, listener);
    return listener.bind(socket);
  };
  const [parse, end] = [take('data'), take('end')];
  // The parser must not be called meanwhile, and nothing else tells it from a pause of ours.
  // oxlint-disable-next-line no-underscore-dangle
  return { parse, end, isPaused: () => (socket as { readonly _paused?: boolean })._paused === true };
}
