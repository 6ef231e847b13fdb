import type { IncomingMessage, ServerResponse } from 'node:http';
import { OperationTypeNode, type ExecutionResult, type GraphQLError } from 'graphql';
import type { Caller } from '../access/caller.ts';
import type { Deadline } from '../batch/loaders.ts';
import type { CachePolicy, ResponseCache } from '../cache/response-cache.ts';
import type { RequestCost } from '../graphql/complexity.ts';
import { DocumentErrors, type Documents, type StoredDocument } from '../graphql/documents.ts';
import { statusOf } from '../graphql/mask.ts';
import type { Pipeline } from '../graphql/pipeline.ts';
import { readOperation, type AskedOperation } from './asked-operation.ts';
import { sendAsEvents } from './event-stream.ts';
import { costMode, HttpError, unknownOperation, type CostMode } from './graphql-request.ts';
import { negotiate, RESPONSE_TYPE, wantOfEvents } from './media-types.ts';
import type { Subscriptions } from './subscriptions.ts';
import { varyBy } from './vary.ts';

export interface FrontOptions {
  readonly documents: Documents;
  readonly pipeline: Pipeline;
  /** Undefined when answers are not cached. */
  readonly cache: ResponseCache | undefined;
  readonly bodyBytes: number;
  readonly subscriptions: Subscriptions;
}

/** An answer before it is sent. */
interface Answer {
  readonly body: Buffer;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The tags of everything that it shows; undefined when it must not be cached, as with any error in it. */
  readonly tags: ReadonlySet<string> | undefined;
}

/**
 * Answers GraphQL requests by GET and POST, as specified by GraphQL over HTTP and GraphQL over SSE. It parses the request
 * itself, since creating a stream and Fetch objects for each would cost more than most queries.
 */
export function createGraphQLFront(options: FrontOptions) {
  return async (request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<void> => {
    const { accept } = request.headers;
    const events = wantOfEvents(accept);
    const type = events === 'only' ? undefined : negotiate(accept);
    if (type === undefined && events === 'none')
      throw new HttpError(406, `Expected to be allowed to answer with ${RESPONSE_TYPE} or application/json.`);
    const mode = costMode(request.headers['graphql-cost']);
    if (type === undefined && mode !== undefined) throw costOfStream();
    const asked = await readOperation(request, options);
    if (asked.operation?.operation === OperationTypeNode.SUBSCRIPTION) {
      if (mode !== undefined) throw costOfStream();
      if (events === 'none')
        throw new HttpError(406, 'Expected a subscription to come with the header "accept: text/event-stream".');
      if (asked.measured?.refusals.length === 0)
        return options.subscriptions.answer(request, response, { ...asked, caller });
    }
    const deadline = { isOver: false };
    response.once('close', () => {
      deadline.isOver = true;
    });
    const answer = await answerTo(options, { ...asked, caller, request, deadline, mode });
    if (type === undefined) return sendAsEvents(response, answer);
    // With application/json, the status is 200 so that proxies and old clients can tell that GraphQL itself has answered.
    response.writeHead(type === RESPONSE_TYPE ? answer.status : 200, {
      'content-type': `${type}; charset=utf-8`,
      'content-length': answer.body.length,
      ...answer.headers,
      vary: varyBy(response, answer.headers['vary'] ?? 'Accept'),
    });
    response.end(answer.body);
    return undefined;
  };
}

const costOfStream = () =>
  new HttpError(406, 'Expected the header "graphql-cost" with an answer in JSON, got a request for an event stream.');

interface Asked extends AskedOperation {
  readonly caller: Caller;
  readonly request: IncomingMessage;
  readonly deadline: Deadline;
  readonly mode: CostMode | undefined;
}

async function answerTo(options: FrontOptions, asked: Asked): Promise<Answer> {
  const { parameters, stored, operation, measured, mode } = asked;
  if (stored instanceof DocumentErrors) return failure(stored.errors);
  if (operation === undefined || measured === undefined) return failure([unknownOperation(parameters.operationName)]);
  const { cost, refusals } = measured;
  const withCost = (answer: Answer): Answer => (mode === undefined ? answer : reported(answer, cost));
  if (refusals.length > 0) return withCost(failure(refusals));
  if (mode === 'validate') return withCost({ body: Buffer.from('{}'), status: 200, headers: BYPASS, tags: undefined });
  const run = () => execute(options, asked);
  const policy = policyOf(stored, operation.operation);
  if (options.cache === undefined || policy === undefined) return withCost(await run());
  return withCost(await throughCache(options.cache, policy, { ...asked, stored, execute: run }));
}

/**
 * Adds the cost to an answer under `extensions`. This is done just before sending, so that stored answers do not contain it and
 * can be reported on too. Bodies are objects without `extensions` of their own.
 */
function reported({ body, headers, ...answer }: Answer, cost: RequestCost): Answer {
  const start = body.toString().slice(0, -1);
  const comma = start === '{' ? '' : ',';
  // The body differs from that of the same URL without the header, so no cache on the way may keep it.
  const own = { ...headers, 'cache-control': 'no-store' };
  const whole = `${start}${comma}"extensions":${JSON.stringify({ cost })}}`;
  return { ...answer, body: Buffer.from(whole), headers: own };
}

/** Undefined for what is never cached: anything but a query, and a query with a field that forbids it. */
function policyOf({ facts }: StoredDocument, operation: OperationTypeNode): CachePolicy | undefined {
  const kept = operation === OperationTypeNode.QUERY && facts.maxAgeSeconds > 0 && !facts.isPrivate;
  return kept ? { maxAgeSeconds: facts.maxAgeSeconds } : undefined;
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
  }: Asked & { stored: StoredDocument; execute: () => Promise<Answer> },
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
    const headers = { 'x-cache': 'HIT', age: String(ageSeconds), 'cache-control': maxAge(freshSeconds), ...VARY };
    return { body, status: 200, tags: undefined, headers };
  }
  const answer = await run();
  const { body, tags } = answer;
  if (tags === undefined) return answer;
  // Not awaited: later look-ups come after it on the same connection.
  if (found.result === 'MISS' && body.length <= MOST_STORED_BYTES) void found.store({ body, tags });
  const result = refresh ? 'BYPASS' : found.result;
  return { ...answer, headers: { 'x-cache': result, 'cache-control': maxAge(policy.maxAgeSeconds), ...VARY } };
}

// Larger ones would block other commands on the connection for longer than a request may wait for Redis.
const MOST_STORED_BYTES = 1_000_000;

// `private`: an answer depends on the caller, which caches on the way cannot tell.
const maxAge = (seconds: number): string => `private, max-age=${seconds}`;
// A browser's cached answer must not be used for a request that asks for the cost.
const VARY = { vary: 'Accept, graphql-cost' };
const BYPASS = { 'x-cache': 'BYPASS', 'cache-control': 'no-store' };

async function execute({ pipeline }: FrontOptions, { parameters, caller, deadline }: Asked): Promise<Answer> {
  const tags = new Set<string>();
  const result = await pipeline.run({ ...parameters, caller, deadline, tags });
  return {
    body: serialise(result),
    status: statusOfResult(result),
    headers: BYPASS,
    tags: result.errors === undefined ? tags : undefined,
  };
}

function statusOfResult({ data, errors }: ExecutionResult): number {
  return errors === undefined || errors.length === 0 || (data !== null && data !== undefined) ? 200 : statusOf(errors);
}

const failure = (errors: readonly GraphQLError[]): Answer => ({
  body: serialise({ errors }),
  status: statusOf(errors),
  headers: BYPASS,
  tags: undefined,
});

// Encoded once: the client and Redis both get these bytes, and each would encode a string again.
const serialise = (result: ExecutionResult): Buffer => Buffer.from(JSON.stringify(result));
