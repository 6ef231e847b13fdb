import type { IncomingMessage } from 'node:http';
import { parse as parseContentType } from 'content-type';
import { quoted } from '../errors.ts';
import { isGiven } from '../given.ts';
import type { CostMode, GraphQLRequest } from '../graphql/operation.ts';
import type { RequestText } from '../graphql/prepare.ts';
import { tooSlowForOthers, type Arrivals } from './arrivals.ts';
import { bareDocumentId, LONGEST_DOCUMENT_ID as LONGEST_ID } from '../setting-documents.ts';
import { networkOf } from './client-of.ts';
import { HttpError } from './http-error.ts';
import { isUtf8, JSON_TYPE } from './media-types.ts';

/**
 * Reads the text of a GET, HEAD or POST, whose `parse` throws HttpError 400 for parameters that are not valid.
 * @throws HttpError for a request that cannot be read (400, 413, 415)
 */
export async function readGraphQLRequest(request: IncomingMessage, limits: BodyLimits): Promise<RequestText> {
  if (request.method !== 'POST') return { text: queryString(request), parse: parseGet };
  assertJsonBody(request.headers['content-type']);
  return { text: await readBody(request, limits), parse: parsePost };
}

export interface BodyLimits {
  /** Of one body. */
  readonly maxBytes: number;
  /** All requests that have not arrived completely. */
  readonly arrivals: Arrivals;
}

/**
 * Reads a request's body.
 * @throws HttpError 413 past `maxBytes`, before the rest is read; 415 for a content encoding; 400 for text that is not UTF-8; 503
 *   when others need the memory
 */
async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<string> {
  const { maxBytes } = limits;
  const tooLarge = () =>
    new HttpError(413, `Expected a body of at most ${maxBytes} bytes, got more.`, { connection: 'close' });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new HttpError(415, `Expected a body without content encoding, got ${quoted(encoding)}.`);
  const bytes = await receive(request, limits, tooLarge);
  try {
    return UTF_8.decode(bytes);
  } catch (cause) {
    throw refusal('Expected a body in UTF-8, got bytes that are not.', cause);
  }
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** No client sends a body in so many chunks that are that small on average, except to keep a server busy. */
const MAX_SMALL_CHUNKS = 1_000;
const SMALL_CHUNK_BYTES = 64;
/** What a chunk takes besides its bytes. */
const CHUNK_BYTES = 250;

/** Uses events, since a stream's async iterator costs more than everything else that is done with a short body. */
function receive(
  request: IncomingMessage,
  { maxBytes, arrivals }: BodyLimits,
  tooLarge: () => HttpError,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let [bytes, count] = [0, 0];
    const fail = (error: HttpError): void => {
      request.off('data', add);
      chunks.length = 0;
      arrival.end();
      reject(error);
    };
    const arrival = arrivals.begin(networkOf(request.socket), () => fail(tooSlowForOthers()));
    const add = (chunk: Buffer): void => {
      bytes += chunk.length;
      count += 1;
      if (bytes > maxBytes) return fail(tooLarge());
      if (count > MAX_SMALL_CHUNKS && bytes < count * SMALL_CHUNK_BYTES) {
        fail(refusal('Expected a body in larger chunks.', undefined));
        // The refusal is not sent: until its connection is closed, each chunk of it takes about two microseconds (2026-11-27).
        request.socket.destroy();
        return undefined;
      }
      chunks.push(chunk);
      return arrival.add(chunk.length + CHUNK_BYTES);
    };
    request.on('data', add);
    request.on('end', () => {
      arrival.end();
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
    // The client disconnected, so it gets no response, and nothing is logged.
    request.on('error', (cause) => fail(refusal('Expected the whole body, got a part of it.', cause)));
  });
}

const refusal = (message: string, cause: unknown): HttpError => Object.assign(new HttpError(400, message), { cause });

/**
 * Parses a POST's JSON body.
 * @throws HttpError 400, saying what was expected and what was given
 */
function parsePost(body: string): GraphQLRequest {
  if (body.length > LARGE_CHARACTERS && hasMoreLevels(body, MAX_LEVELS)) throw tooDeep();
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (cause) {
    throw refusal(`Expected a JSON object, got ${body === '' ? 'nothing' : 'malformed JSON'}.`, cause);
  }
  assertShallow(parsed);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new HttpError(
      400,
      `Expected a JSON object, got ${Array.isArray(parsed) ? 'an array: batches are not supported' : quoted(parsed)}.`,
    );
  return checkedRequest(parsed);
}

/** The query string of a request's URL with its question mark, so that it is never equal to a JSON body; `?` if there is none. */
const queryString = ({ url = '' }: IncomingMessage): string => (url.includes('?') ? url.slice(url.indexOf('?')) : '?');

/**
 * Parses a GET's query string.
 * @throws HttpError 400, saying what was expected and what was given
 */
function parseGet(given: string): GraphQLRequest {
  try {
    // Not left to URLSearchParams, which replaces invalid bytes with U+FFFD, so that filters would search for that.
    decodeURIComponent(given);
  } catch (cause) {
    throw refusal('Expected a query string of percent-encoded UTF-8, got bytes that are not.', cause);
  }
  const parameters = new URLSearchParams(given);
  const json = (name: string) => {
    const text = parameters.get(name);
    if (text === null || text === '') return undefined;
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (cause) {
      throw refusal(`Parameter "${name}": expected a JSON object, got ${quoted(text)}.`, cause);
    }
    assertShallow(parsed);
    return parsed;
  };
  return checkedRequest({
    query: parameters.get('query') ?? undefined,
    documentId: parameters.get('documentId') ?? undefined,
    operationName: parameters.get('operationName') ?? undefined,
    variables: json('variables'),
    extensions: json('extensions'),
  });
}

// Protects recursive functions from stack overflow; the schema's inputs are only four levels deep.
const MAX_LEVELS = 100;
/** V8 takes about 2 ms to parse as many brackets, and in small bodies looking for them would take longer than everything else. */
const LARGE_CHARACTERS = 16 * 1024;

function assertShallow(value: unknown): void {
  if (isDeeper(value, MAX_LEVELS)) throw tooDeep();
}

const tooDeep = (): HttpError => new HttpError(400, `Expected JSON of at most ${MAX_LEVELS} levels, got more.`);

/** Whether JSON text opens more arrays and objects in each other than `levels`: parsing takes long if it opens very many. */
function hasMoreLevels(text: string, levels: number): boolean {
  let open = 0;
  // A string that is not closed matches, too, or each escaped quote in it would be tried as the start of another one.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[[{]|[\]}]/gs)) {
    if (token === '[' || token === '{') open += 1;
    else if (token === ']' || token === '}') open -= 1;
    if (open > levels) return true;
  }
  return false;
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)));

function checkedRequest(given: object): GraphQLRequest {
  const { query, documentId, operationName, variables, extensions } = given as Readonly<Record<string, unknown>>;
  const persisted = isGiven(documentId) ? idIn(documentId, query) : hashIn(extensions);
  const hasIdOnly = (!isGiven(query) || query === '') && persisted !== undefined;
  if (!hasIdOnly && typeof query !== 'string')
    throw new HttpError(
      400,
      `Parameter "query": expected a string, got ${query === undefined ? 'nothing' : quoted(query)}.`,
    );
  if (isGiven(operationName) && typeof operationName !== 'string')
    throw new HttpError(400, `Parameter "operationName": expected a string, got ${quoted(operationName)}.`);
  if (!isMapOrAbsent(variables))
    throw new HttpError(400, `Parameter "variables": expected a map, got ${quoted(variables)}.`);
  if (!isMapOrAbsent(extensions))
    throw new HttpError(400, `Parameter "extensions": expected a map, got ${quoted(extensions)}.`);
  return {
    query: typeof query === 'string' ? query : '',
    persisted,
    operationName: operationName || undefined,
    variables: variables ?? undefined,
  };
}

/**
 * The id of a persisted document, as the appendix of GraphQL over HTTP says.
 * @throws HttpError 400
 */
function idIn(documentId: unknown, query: unknown): { id: string } {
  if (typeof documentId !== 'string' || documentId === '' || documentId.length > LONGEST_ID)
    throw new HttpError(
      400,
      `Parameter "documentId": expected 1 to ${LONGEST_ID} characters, got ${quoted(documentId)}.`,
    );
  if (isGiven(query) && query !== '')
    throw new HttpError(400, 'Expected a parameter "query" or "documentId", got both.');
  return { id: bareDocumentId(documentId) };
}

/**
 * The hash of a document, as clients with automatic persisted queries send it.
 * @throws HttpError 400
 */
function hashIn(extensions: unknown): { id: string } | undefined {
  if (typeof extensions !== 'object' || extensions === null || !('persistedQuery' in extensions)) return undefined;
  const given = extensions.persistedQuery;
  if (!isGiven(given)) return undefined;
  if (typeof given !== 'object')
    throw new HttpError(400, `Parameter "extensions.persistedQuery": expected a map, got ${quoted(given)}.`);
  const { version, sha256Hash } = given as { readonly version?: unknown; readonly sha256Hash?: unknown };
  if (version !== 1)
    throw new HttpError(400, `Parameter "extensions.persistedQuery.version": expected 1, got ${quoted(version)}.`);
  if (typeof sha256Hash !== 'string' || sha256Hash === '' || sha256Hash.length > LONGEST_ID)
    throw new HttpError(
      400,
      `Parameter "extensions.persistedQuery.sha256Hash": expected a hash, got ${quoted(sha256Hash)}.`,
    );
  return { id: sha256Hash };
}

const isMapOrAbsent = (value: unknown): value is Readonly<Record<string, unknown>> | null | undefined =>
  value === undefined || (typeof value === 'object' && !Array.isArray(value));

/**
 * The value of the header `GraphQL-Cost`; undefined without it.
 * @throws HttpError 400 for any other value
 */
export function costMode(header: string | readonly string[] | undefined): CostMode | undefined {
  if (header === undefined || header === 'report' || header === 'validate') return header;
  throw new HttpError(400, `Header "graphql-cost": expected report or validate, got ${quoted(header)}.`);
}

/**
 * Whether the header `GraphQL-Cache` asks for a report of what the cache did.
 * @param isAllowed false in production
 * @throws HttpError 400 for any other value, 403 where it is not allowed
 */
export function reportsCache(header: string | readonly string[] | undefined, isAllowed: boolean): boolean {
  if (header === undefined) return false;
  if (header !== 'report') throw new HttpError(400, `Header "graphql-cache": expected report, got ${quoted(header)}.`);
  if (!isAllowed) throw new HttpError(403, 'Header "graphql-cache": expected none in production, got one.');
  return true;
}

/** @throws HttpError 415 unless a POST's body is JSON in UTF-8 */
function assertJsonBody(contentType: string | undefined): void {
  if (contentType === JSON_TYPE) return;
  const { type, parameters } = parseContentType(contentType ?? '');
  if (type === JSON_TYPE && isUtf8(parameters['charset'])) return;
  throw new HttpError(
    415,
    `Expected content type ${JSON_TYPE} in UTF-8, got ${contentType === undefined ? 'none' : quoted(contentType)}.`,
  );
}
