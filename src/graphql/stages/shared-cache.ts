import { createCollapsing, type CollapsingOptions, type Served } from '../../cache/collapse.ts';
import type { Executed, Waiting } from '../../cache/execute-once.ts';
import type { CachePolicy } from '../../cache/lookups.ts';
import type { ResponseCache } from '../../cache/response-cache.ts';
import type { CompressResponse } from '../../compression.ts';
import { createRepresentation, type Encoding, type Representation } from '../../representation.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { cacheReport, keyOf, type NotStored } from '../cache-report.ts';
import { graphqlError } from '../coded-errors.ts';
import { isQuery, isReported, type Operation } from '../operation.ts';
import { timeLimit } from './execute.ts';
import type { MaskError } from './mask.ts';
import { cachedHeaders, serialise, type GraphQLResponse } from './serialise.ts';

// Larger responses would block other commands on the connection for longer than a request may wait for Redis.
const MAX_STORED_BYTES = 1_000_000;

export interface SharedCacheOptions extends CollapsingOptions {
  /** Undefined when responses are not cached. */
  readonly cache: ResponseCache | undefined;
  readonly compress: CompressResponse;
  readonly maskError: MaskError;
  readonly metrics: CollapsingOptions['metrics'] & Pick<Metrics, 'cacheNotStored'>;
  /** How long a request waits for a response, in all. */
  readonly limits: { readonly requestMs: number };
}

/** An executed response, with what may be stored of it. */
interface Made extends GraphQLResponse, Executed {}

/** Executes an operation, collects the tags of everything that it reads, and never rejects. */
type Execute = (operation: Operation, tags: Set<string>) => Promise<GraphQLResponse>;

/**
 * Responds to a query with a cached response, if there is a fresh one, or else with a new one, which it stores: also in the encoding
 * that its client prefers, so that it is compressed once for each. Equal queries at the same time share one execution.
 * @returns a function that never rejects
 */
export function createSharedCache(options: SharedCacheOptions) {
  const { cache, compress, maskError, metrics, limits } = options;
  const collapsed = cache && createCollapsing<Made>(cache, options);
  /** Undefined if none is needed, or if the response changes before it is sent. */
  const compressed = async (operation: Operation, plain: Representation): Promise<Representation | undefined> =>
    isReported(operation) ? undefined : compress(plain, operation);

  /** The response to what is never looked up. */
  const uncached = async (operation: Operation, execute: Execute): Promise<GraphQLResponse> => {
    if (operation.cacheControl.onlyIfCached) return notCached();
    if (cache !== undefined && isQuery(operation)) metrics.cacheMisses.inc({ reason: 'refused' });
    const tags = new Set<string>();
    const response = await execute(operation, tags);
    const notStored = policyOf(operation) === undefined ? 'refused' : 'redis';
    return { ...response, cacheReport: cacheReport(operation, { cache, notStored, tags }) };
  };

  /** Executes an operation for everybody who waits for its response. */
  const make = async (operation: Operation, tags: Set<string>, execute: Execute): Promise<Made> => {
    const response = await execute(operation, tags);
    const reason = unstorable(response);
    const about = { ...response, computedAtMs: Date.now() };
    if (reason !== undefined) {
      metrics.cacheNotStored.inc({ reason });
      return { ...about, representations: [] };
    }
    const plain = createRepresentation('identity', response.body);
    const added = await compressed(operation, plain);
    return { ...about, representations: added === undefined ? [plain] : [plain, added] };
  };

  const stored = async (operation: Operation, { found, source }: Served<Made> & { source: Stored }) => {
    const { representations, ageSeconds, tags } = source.stored;
    const { maxAgeSeconds } = operation.document.metadata;
    const headers = { age: String(ageSeconds), ...cachedHeaders(source.result, maxAgeSeconds) };
    const known = inEncoding(operation.accepted.preferred, representations);
    const plain = inEncoding('identity', representations);
    if (plain === undefined) throw new TypeError('expected a representation without encoding');
    const added = known === undefined ? await compressed(operation, plain) : undefined;
    if (added !== undefined) void source.add?.(added);
    const representation = known ?? added ?? plain;
    const report = operation.reportsCache ? cacheReport(operation, { cache, found, tags: tags() }) : undefined;
    const hit =
      source.result === 'HIT' ? { response: source.stored, stored: keyOf(operation), maxAgeSeconds } : undefined;
    return { ...serialised(plain.bytes), representation, headers, cacheReport: report, hit };
  };

  const made = (operation: Operation, { found, source }: Served<Made> & { source: New }): GraphQLResponse => {
    const { result, executed, tags } = source;
    const isRedisAway = found.result === 'BYPASS';
    const asked = operation.cacheControl.noStore ? 'no-store' : isRedisAway ? 'redis' : undefined;
    const notStored = unstorable(executed) ?? asked;
    if (notStored === asked && asked !== undefined) metrics.cacheNotStored.inc({ reason: asked });
    const report = operation.reportsCache
      ? cacheReport(operation, { cache, found, notStored, tags: tags() })
      : undefined;
    const { representations, computedAtMs: _, ...response } = executed;
    if (response.hasErrors) return { ...response, cacheReport: report };
    const headers = cachedHeaders(
      notStored === undefined ? result : 'BYPASS',
      operation.document.metadata.maxAgeSeconds,
    );
    const representation =
      inEncoding(operation.accepted.preferred, representations) ?? inEncoding('identity', representations);
    return { ...response, representation, headers, cacheReport: report };
  };

  return async (operation: Operation, execute: Execute): Promise<GraphQLResponse> => {
    const policy = policyOf(operation);
    if (collapsed === undefined || policy === undefined) return uncached(operation, execute);
    try {
      const { found, source } = await collapsed({
        key: keyOf(operation),
        client: operation.client,
        policy,
        cacheControl: operation.cacheControl,
        patience: operation.patience,
        lookup: operation.lookup,
        limit: timeLimit(operation, limits.requestMs),
        // Each that waits for it has a limit of its own.
        execute: (waiting: Waiting, tags: Set<string>) => make({ ...operation, heldMs: 0, ...waiting }, tags, execute),
      });
      if (source === null) return notCached();
      return 'stored' in source ? await stored(operation, { found, source }) : made(operation, { found, source });
    } catch (error) {
      return serialise({ errors: [maskError(error)] });
    }
  };
}

type Stored = Extract<NonNullable<Served<Made>['source']>, { readonly stored: unknown }>;
type New = Exclude<NonNullable<Served<Made>['source']>, Stored>;

const serialised = (body: Buffer) => ({ body, status: 200, hasErrors: false, isUnavailable: false }) as const;

/** Why a response is stored for nobody; undefined if it may be stored. */
function unstorable({ hasErrors, body }: GraphQLResponse): NotStored | undefined {
  if (hasErrors) return 'errors';
  return body.length > MAX_STORED_BYTES ? 'large' : undefined;
}

/**
 * Undefined for what is never stored: anything but a query, a query with a field that forbids it, and one with a private field from
 * nobody in particular.
 */
function policyOf(operation: Operation): CachePolicy | undefined {
  const { maxAgeSeconds, privateField } = operation.document.metadata;
  if (!isQuery(operation) || maxAgeSeconds === 0) return undefined;
  return privateField === null || operation.caller.subject !== null ? { maxAgeSeconds } : undefined;
}

const inEncoding = (wanted: Encoding, all: readonly Representation[]): Representation | undefined =>
  all.find(({ encoding }) => encoding === wanted);

/** The refusal of a request that must not be executed, because it asks for a cached response alone (RFC 9111, 5.2.1.7). */
function notCached(): GraphQLResponse {
  const message = 'Expected a cached response (cache-control: only-if-cached), and there is none that may be used.';
  return { ...serialise({ errors: [graphqlError('TIMEOUT', message)] }), status: 504, isRefusal: true };
}
