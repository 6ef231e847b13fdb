import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { isKnownNow, type Caller } from '../access/caller.ts';
import type { Again, AnsweredAgain, LookedUp, Repeatable } from '../graphql/repeatable.ts';
import type { Lookup } from '../cache/lookups.ts';
import type { Encoding, Representation } from '../representation.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Admission } from './admission.ts';
import { clientOf } from './client-of.ts';
import { MAX_HEADER_BYTES, MAX_HEADERS } from './header-limits.ts';

/** What has arrived at once, if it may be a whole request. */
export interface Arrived {
  /** Its bytes, but for what nothing depends on. */
  readonly text: string;
  /** All lines before the body. */
  readonly head: string;
  /** How many follow the headers. */
  readonly bodyBytes: number;
  /** What was found for it before it was parsed. */
  lookup?: Lookup;
}

/** A response as it is sent. */
export interface KnownAnswer {
  readonly head: Buffer;
  /** Undefined for a response without one. */
  readonly body: Buffer | undefined;
  /** To be called when it is sent. */
  readonly count: () => void;
}

/** The requests that were answered from the cache. */
export interface KnownRequests {
  /**
   * The response to a request that is the same as one before, byte for byte; undefined if it must be looked at.
   * @param socket on which it has arrived
   */
  answer(arrived: Arrived, socket: Socket): KnownAnswer | Promise<KnownAnswer | undefined> | undefined;
  /** Notes that this is the request that has arrived. */
  begun(request: IncomingMessage, arrived: Arrived): void;
  /** What a look-up of its response has found that was made before it was parsed. */
  lookupOf(request: IncomingMessage): Lookup | undefined;
  /** Keeps a request whose response was sent. */
  keep(response: ServerResponse, caller: Caller, repeatable: Repeatable): void;
}

/** The headers of a response, until the next second. */
interface Head {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly ageSeconds: number;
  readonly second: number;
}

interface Known {
  readonly caller: Caller;
  readonly again: Again;
  readonly count: () => void;
  /** The status and what is the same in the headers of each response. */
  readonly start: string;
  /** The last lines of its headers. */
  readonly end: string;
  readonly encoding: Encoding;
  readonly hasETag: boolean;
  /** If the request has a condition, it was decided for this response alone. */
  readonly onlyFor: string | undefined;
  readonly hasLength: boolean;
  readonly hasBody: boolean;
  head: Head | undefined;
}

/** Longer ones are parsed. */
const LONGEST = 24 * 1024;
/** What an entry takes besides its text and headers. */
const ENTRY_BYTES = 500;

/**
 * Headers that differ from request to request, or from client to client, and on which no response depends. Whatever else a request has
 * must be the same. A line that has anything unusual stays.
 */
const IGNORED =
  /\r\n(?:user-agent|cookie|accept-language|dnt|priority|forwarded|via|traceparent|tracestate|baggage|b3|sentry-trace|uber-trace-id|newrelic|(?:x-(?:forwarded|b3|amzn|request|correlation|real|datadog|cloud|envoy|trace|ot)|sec-(?:ch|gpc|fetch(?!-site))|cf|apollographql-client)(?:-[a-z\d-]+)?): ?[\x20-\x7e]*(?=\r\n)/gi;
/** By GET and HEAD, it tells whose page has asked (`assertOwnPage`). */
const IGNORED_BY_POST = new RegExp(IGNORED.source.replace('(?:', '(?:referer|'), IGNORED.flags);
/** No client or proxy sends more of them, in bytes. */
const MOST_IGNORED = 4_096;
const LINE_BREAK = '\r\n';
const END_OF_HEADERS = LINE_BREAK + LINE_BREAK;
const METHOD = /^[A-Z]/;

/**
 * What has arrived, as the text by which requests are known; undefined if it is no whole request, or one that the parser could refuse
 * for its headers.
 */
export function arrivedText(bytes: Buffer): Arrived | undefined {
  if (bytes.length > LONGEST) return undefined;
  const all = bytes.toString('latin1');
  const end = all.indexOf(END_OF_HEADERS);
  // The parser skips line breaks before a request, so what has none of a request before its end could belong to another one.
  if (end === -1 || end > MAX_HEADER_BYTES || !METHOD.test(all)) return undefined;
  const head = all.slice(0, end + LINE_BREAK.length);
  const kept = head.replace(head.startsWith('POST ') ? IGNORED_BY_POST : IGNORED, '');
  const ignored = head.length - kept.length;
  if (ignored > MOST_IGNORED || (ignored > 0 && countLines(head) > MAX_HEADERS)) return undefined;
  return { text: kept + all.slice(end + LINE_BREAK.length), head, bodyBytes: all.length - end - END_OF_HEADERS.length };
}

function countLines(text: string): number {
  let lines = 0;
  for (let i = text.indexOf(LINE_BREAK); i !== -1; i = text.indexOf(LINE_BREAK, i + LINE_BREAK.length)) lines += 1;
  return lines;
}

/** Whether a request was read from these lines, and from nothing before them. */
function isReadFrom(head: string, { method, url, rawHeaders }: IncomingMessage): boolean {
  const [requestLine, ...lines] = head.slice(0, -LINE_BREAK.length).split(LINE_BREAK);
  return (
    requestLine === `${method} ${url} HTTP/1.1` &&
    rawHeaders.length === 2 * lines.length &&
    lines.every((line, i) => {
      const [name = '', value = ''] = rawHeaders.slice(2 * i, 2 * i + 2);
      return line.startsWith(`${name}:`) && line.slice(name.length + 1).trim() === value.trim();
    })
  );
}

/** What a request has arrived as, if that is certain. */
function arrivedAs(request: Arriving): Arrived | undefined {
  const arrived = request[ARRIVED];
  return arrived !== undefined && isReadFrom(arrived.head, request) ? arrived : undefined;
}

/** Not a WeakMap: what an old one refers to, V8 keeps until it collects old objects. */
const ARRIVED = Symbol('arrived');
type Arriving = IncomingMessage & { [ARRIVED]?: Arrived };

export interface KnownRequestsOptions {
  /** How much memory they may take. */
  readonly maxBytes: number;
  /** What Node.js tells clients about how long it keeps a connection. */
  readonly keepAliveMs: number;
  readonly admission: Pick<Admission, 'admitIfFree'>;
  readonly metrics: Pick<Metrics, 'requests' | 'knownBytes' | 'knownRequests'>;
}

/**
 * Answers requests without parsing them. The same bytes at the same state of a connection always mean the same request, so what was
 * found out about them holds, except for what can change: whether the caller's credentials are still valid, how much the caller may
 * still ask for, and whether the response is still the one that is kept in memory. This is looked at each time.
 */
export function createKnownRequests(options: KnownRequestsOptions): KnownRequests {
  const { maxBytes, keepAliveMs, admission, metrics } = options;
  const known = new LRUCache<string, Known>({
    maxSize: maxBytes,
    // Its answer has the text of the body, too.
    sizeCalculation: ({ start }, text) => ENTRY_BYTES + 2 * text.length + start.length,
  });
  metrics.knownBytes(() => known.calculatedSize);
  const end = `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(keepAliveMs / 1_000)}${END_OF_HEADERS}`;

  const answerLater = async (asked: {
    readonly arrived: Arrived;
    readonly entry: Known;
    readonly found: Promise<AnsweredAgain | LookedUp>;
  }): Promise<KnownAnswer | undefined> => {
    const found = await asked.found;
    if (!('lookup' in found)) return answerOf(asked.entry, found);
    asked.arrived.lookup = found.lookup;
    return undefined;
  };

  return {
    answer(arrived, socket) {
      const entry = known.get(arrived.text);
      if (entry === undefined || !isKnownNow(entry.caller)) return undefined;
      const client = clientOf(socket, entry.caller);
      const release = admission.admitIfFree(client);
      if (release === undefined) return undefined;
      const found = entry.again(client, (representation) => isFor(entry, representation));
      if (found instanceof Promise) return answerLater({ arrived, entry, found }).finally(release);
      release();
      return answerOf(entry, found);
    },
    begun(request, arrived) {
      const { 'content-length': length = '0', 'transfer-encoding': encoding, expect, upgrade } = request.headers;
      // Otherwise it is not all that has arrived, or not yet the whole of it; or Node has sent more than its response.
      if (
        Number(length) !== arrived.bodyBytes ||
        encoding !== undefined ||
        expect !== undefined ||
        upgrade !== undefined
      )
        return;
      if (request.httpVersion === '1.1') (request as Arriving)[ARRIVED] = arrived;
    },
    lookupOf: (request: Arriving) => (request[ARRIVED]?.lookup === undefined ? undefined : arrivedAs(request)?.lookup),
    keep(response, caller, { again, representation: { encoding, etag } }) {
      const { req: request, statusCode } = response;
      const arrived = arrivedAs(request);
      if (arrived === undefined || !request.complete || !response.shouldKeepAlive) return;
      const { age: _, etag: ownETag, 'content-length': length, ...headers } = response.getHeaders();
      if ('connection' in headers) return;
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
      known.set(arrived.text, {
        caller,
        again,
        count: countOf(metrics, statusCode),
        start: `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\n${lines.join('')}`,
        end,
        encoding,
        hasETag: ownETag !== undefined,
        onlyFor: request.headers['if-none-match'] === undefined ? undefined : etag,
        hasLength: length !== undefined,
        hasBody: request.method !== 'HEAD' && statusCode !== 304,
        head: undefined,
      });
    },
  };
}

function countOf({ requests, knownRequests }: KnownRequestsOptions['metrics'], status: number): () => void {
  const counter = requests.labels({ status });
  return () => {
    counter.inc();
    knownRequests.inc();
  };
}

function headOf(entry: Known, { representation: { etag, bytes }, ageSeconds }: AnsweredAgain): Buffer {
  const now = Date.now();
  const second = Math.floor(now / 1_000);
  const { head } = entry;
  if (head?.second === second && head.ageSeconds === ageSeconds && head.etag === etag) return head.bytes;
  const lines = [
    ...(entry.hasETag ? [`etag: ${etag}`] : []),
    ...(entry.hasLength ? [`content-length: ${bytes.length}`] : []),
    `age: ${ageSeconds}`,
    `date: ${new Date(now).toUTCString()}`,
    entry.end,
  ];
  const made = Buffer.from(entry.start + lines.join('\r\n'), 'latin1');
  entry.head = { bytes: made, etag, ageSeconds, second };
  return made;
}

const isFor = ({ encoding, onlyFor }: Known, found: Representation): boolean =>
  encoding === found.encoding && (onlyFor === undefined || onlyFor === found.etag);

function answerOf(entry: Known, found: AnsweredAgain | undefined): KnownAnswer | undefined {
  if (found === undefined) return undefined;
  return {
    head: headOf(entry, found),
    body: entry.hasBody ? found.representation.bytes : undefined,
    count: entry.count,
  };
}
