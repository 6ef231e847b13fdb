import type { IncomingMessage, ServerResponse } from 'node:http';
import { OperationTypeNode, type ExecutionResult, type GraphQLError } from 'graphql';
import type { Caller } from '../access/caller.ts';
import type { Deadline } from '../batch/loaders.ts';
import type { CachePolicy, ResponseCache } from '../cache/response-cache.ts';
import { createError } from '../errors.ts';
import { pickOperation } from '../graphql/analysis.ts';
import { DocumentErrors, type Documents, type StoredDocument } from '../graphql/documents.ts';
import { statusOf } from '../graphql/mask.ts';
import type { Pipeline } from '../graphql/pipeline.ts';
import {
  assertJsonBody,
  HttpError,
  negotiate,
  parseGet,
  parsePost,
  queryString,
  readBody,
  RESPONSE_TYPE,
  unknownOperation,
  type GraphQLRequest,
} from './graphql-request.ts';

export interface FrontOptions {
  readonly documents: Documents;
  readonly pipeline: Pipeline;
  /** Undefined: nothing is kept. */
  readonly cache: ResponseCache | undefined;
  readonly bodyBytes: number;
}

/** An answer before it is sent. */
interface Answer {
  /** Text that was made just now stays text: it goes out with its headers in one piece. */
  readonly body: Buffer | string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it may be kept: nothing with an error in it is. */
  readonly isWhole: boolean;
}

type MadeAnswer = Answer & { readonly body: string };

/**
 * Answers plain GET and POST requests for GraphQL, after the GraphQL over HTTP specification. It reads the request by
 * itself, since a stream and Fetch objects for each request cost more than most queries.
 */
export function createGraphQLFront(options: FrontOptions) {
  return async (request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<void> => {
    const type = negotiate(request.headers.accept);
    if (type === undefined)
      throw new HttpError(406, `Expected to be allowed to answer with ${RESPONSE_TYPE} or application/json.`);
    const parameters = await readRequest(request, options.bodyBytes);
    const deadline = { isOver: false };
    response.once('close', () => {
      deadline.isOver = true;
    });
    const answer = await answerTo(options, { parameters, caller, request, deadline });
    // With application/json, proxies and old clients must be able to tell that GraphQL itself has answered.
    const status = type === RESPONSE_TYPE || answer.status === 405 ? answer.status : 200;
    response.writeHead(status, {
      'content-type': `${type}; charset=utf-8`,
      'content-length': Buffer.byteLength(answer.body),
      ...answer.headers,
    });
    response.end(answer.body);
  };
}

async function readRequest(request: IncomingMessage, mostBytes: number): Promise<GraphQLRequest> {
  if (request.method === 'GET') return parseGet(queryString(request));
  assertJsonBody(request.headers['content-type']);
  return parsePost(await readBody(request, mostBytes));
}

interface Asked {
  readonly parameters: GraphQLRequest;
  readonly caller: Caller;
  readonly request: IncomingMessage;
  readonly deadline: Deadline;
}

async function answerTo(options: FrontOptions, asked: Asked): Promise<Answer> {
  const { parameters, request } = asked;
  const stored = readDocument(options.documents, parameters.query);
  if (stored instanceof DocumentErrors) return failure(stored.errors);
  const operation = pickOperation(stored.document, parameters.operationName);
  if (operation === undefined) return failure([unknownOperation(parameters.operationName)]);
  if (operation.operation === OperationTypeNode.MUTATION && request.method === 'GET')
    return failure([createError('BAD_USER_INPUT', 'Expected a mutation by POST, got GET.')], 405, { allow: 'POST' });
  const policy = policyOf(stored, operation.operation);
  if (options.cache === undefined || policy === undefined) return execute(options, asked);
  return throughCache(options.cache, policy, { ...asked, stored, execute: () => execute(options, asked) });
}

function readDocument(documents: Documents, source: string): StoredDocument | DocumentErrors {
  try {
    return documents.read(source);
  } catch (error) {
    if (error instanceof DocumentErrors) return error;
    throw error;
  }
}

/** Undefined for what is never kept: anything but a query, and a query with a field that says so. */
function policyOf({ facts }: StoredDocument, operation: OperationTypeNode): CachePolicy | undefined {
  const kept = operation === OperationTypeNode.QUERY && facts.maxAgeSeconds > 0 && !facts.isPrivate;
  return kept ? { maxAgeSeconds: facts.maxAgeSeconds, types: facts.types } : undefined;
}

async function throughCache(
  cache: ResponseCache,
  policy: CachePolicy,
  {
    parameters,
    caller,
    request,
    stored,
    execute: run,
  }: Asked & { stored: StoredDocument; execute: () => Promise<MadeAnswer> },
): Promise<Answer> {
  const key = {
    document: stored.hash,
    operationName: parameters.operationName,
    variables: parameters.variables,
    access: caller.accessKey,
  };
  const refresh = request.headers['cache-control']?.toLowerCase().includes('no-cache') === true;
  const found = await cache.lookup(key, policy, { refresh });
  if (found.result === 'HIT') {
    const { body, ageSeconds } = found.answer;
    const freshSeconds = Math.max(0, policy.maxAgeSeconds - ageSeconds);
    const headers = { 'x-cache': 'HIT', age: String(ageSeconds), 'cache-control': maxAge(freshSeconds) };
    return { body, status: 200, isWhole: true, headers };
  }
  const answer = await run();
  if (!answer.isWhole) return answer;
  // Not waited for: on the same connection, later look-ups come after it.
  if (found.result === 'MISS' && answer.body.length <= MOST_STORED_CHARACTERS) void found.store(answer.body);
  const result = refresh ? 'BYPASS' : found.result;
  return { ...answer, headers: { 'x-cache': result, 'cache-control': maxAge(policy.maxAgeSeconds) } };
}

// Larger ones hold up every other command on the connection for longer than a request may wait for Redis.
const MOST_STORED_CHARACTERS = 1_000_000;

// `private`: an answer depends on who asks, and caches between here and the caller cannot know that.
const maxAge = (seconds: number): string => `private, max-age=${seconds}`;
const BYPASS = { 'x-cache': 'BYPASS', 'cache-control': 'no-store' };

async function execute({ pipeline }: FrontOptions, { parameters, caller, deadline }: Asked): Promise<MadeAnswer> {
  const result = await pipeline.run({ ...parameters, caller, deadline });
  return {
    body: serialise(result),
    status: statusOfResult(result),
    headers: BYPASS,
    isWhole: result.errors === undefined,
  };
}

function statusOfResult({ data, errors }: ExecutionResult): number {
  return errors === undefined || errors.length === 0 || (data !== null && data !== undefined) ? 200 : statusOf(errors);
}

const failure = (
  errors: readonly GraphQLError[],
  status = statusOf(errors),
  headers: Answer['headers'] = {},
): Answer => ({
  body: serialise({ errors }),
  status,
  headers: { ...BYPASS, ...headers },
  isWhole: false,
});

const serialise = (result: ExecutionResult): string => JSON.stringify(result);
