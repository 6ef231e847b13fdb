import type { IncomingMessage } from 'node:http';
import { createError, quoted } from '../errors.ts';

/** The parameters of a GraphQL request, after the GraphQL over HTTP specification. */
export interface GraphQLRequest {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
}

/** Something about the HTTP request itself that is wrong. `headers` go with the answer. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * A request's body.
 * @throws HttpError 413 past `mostBytes`, before the rest is read; 400 for text that is not UTF-8
 */
export async function readBody(request: IncomingMessage, mostBytes: number): Promise<string> {
  const tooLarge = () =>
    new HttpError(413, `Expected a body of at most ${mostBytes} bytes, got more.`, { connection: 'close' });
  if (Number(request.headers['content-length'] ?? 0) > mostBytes) throw tooLarge();
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new HttpError(415, `Expected a body without content encoding, got ${quoted(encoding)}.`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw tooLarge();
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  } catch (cause) {
    throw Object.assign(new HttpError(400, 'Expected a body in UTF-8, got bytes that are not.'), { cause });
  }
}

/** The request in a POST's JSON body. Throws BAD_USER_INPUT or HttpError 400, saying what was expected and what came. */
export function parsePost(body: string): GraphQLRequest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (cause) {
    throw Object.assign(
      new HttpError(400, `Expected a JSON object, got ${body === '' ? 'nothing' : 'malformed JSON'}.`),
      { cause },
    );
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new HttpError(
      400,
      `Expected a JSON object, got ${Array.isArray(parsed) ? 'an array: batches are not supported' : quoted(parsed)}.`,
    );
  return checkedRequest(parsed);
}

/** The request in a GET's query string. */
export function parseGet(parameters: URLSearchParams): GraphQLRequest {
  const json = (name: string) => {
    const given = parameters.get(name);
    if (given === null || given === '') return undefined;
    try {
      return JSON.parse(given) as unknown;
    } catch (cause) {
      throw Object.assign(new HttpError(400, `Parameter "${name}": expected a JSON object, got ${quoted(given)}.`), {
        cause,
      });
    }
  };
  return checkedRequest({
    query: parameters.get('query') ?? undefined,
    operationName: parameters.get('operationName') ?? undefined,
    variables: json('variables'),
    extensions: json('extensions'),
  });
}

function checkedRequest(given: object): GraphQLRequest {
  const { query, operationName, variables, extensions } = given as Readonly<Record<string, unknown>>;
  if (typeof query !== 'string')
    throw new HttpError(
      400,
      `Parameter "query": expected a string, got ${query === undefined ? 'nothing' : quoted(query)}.`,
    );
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string')
    throw new HttpError(400, `Parameter "operationName": expected a string, got ${quoted(operationName)}.`);
  if (!isMap(variables)) throw new HttpError(400, `Parameter "variables": expected a map, got ${quoted(variables)}.`);
  if (!isMap(extensions))
    throw new HttpError(400, `Parameter "extensions": expected a map, got ${quoted(extensions)}.`);
  return { query, operationName: operationName || undefined, variables: variables ?? undefined };
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> | null | undefined =>
  value === undefined || (typeof value === 'object' && !Array.isArray(value));

/** The answer's media type by the request's `Accept`; undefined when the caller wants neither. */
export function negotiate(accept: string | undefined): typeof JSON_TYPE | typeof RESPONSE_TYPE | undefined {
  if (accept === undefined || accept === JSON_TYPE) return JSON_TYPE;
  const accepted = accept
    .split(',')
    .map((part) => part.split(';').map((piece) => piece.trim().toLowerCase()))
    .filter(([, ...parameters]) => !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)))
    .filter(([, ...parameters]) =>
      parameters.every((parameter) => !parameter.startsWith('charset=') || /^charset="?utf-8"?$/.test(parameter)),
    )
    .map(([type]) => type);
  if (accepted.includes(RESPONSE_TYPE)) return RESPONSE_TYPE;
  return accepted.some((type) => type === JSON_TYPE || type === 'application/*' || type === '*/*')
    ? JSON_TYPE
    : undefined;
}

export const JSON_TYPE = 'application/json';
export const RESPONSE_TYPE = 'application/graphql-response+json';

/** Throws HttpError 415 unless a POST's body is JSON in UTF-8. */
export function assertJsonBody(contentType: string | undefined): void {
  if (contentType === JSON_TYPE) return;
  const [type, ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  if (type === JSON_TYPE && (charset === undefined || /^charset="?utf-?8"?$/.test(charset))) return;
  throw new HttpError(
    415,
    `Expected content type ${JSON_TYPE} in UTF-8, got ${contentType === undefined ? 'none' : quoted(contentType)}.`,
  );
}

/** BAD_USER_INPUT for a name that no operation of the document has, or no name where there are several. */
export function unknownOperation(operationName: string | undefined) {
  return createError(
    'BAD_USER_INPUT',
    operationName === undefined
      ? 'Parameter "operationName": expected the name of one of the document\'s operations, got nothing.'
      : `Parameter "operationName": the document has no operation ${quoted(operationName)}.`,
  );
}
