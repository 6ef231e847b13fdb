import { Writable } from 'node:stream';
import type { Caller } from '../../src/access/caller.ts';
import { createCompression } from '../../src/compression.ts';
import { parseConfig } from '../../src/config.ts';
import type { CreateContext } from '../../src/graphql/context.ts';
import { createFairQueue } from '../../src/graphql/fair-queue.ts';
import { createDocuments } from '../../src/graphql/documents.ts';
import type { RequestOrigin } from '../../src/graphql/operation.ts';
import { createKept } from '../../src/graphql/kept.ts';
import { parseCacheControl } from '../../src/http/cache-control.ts';
import { acceptedEncoding } from '../../src/http/content-encoding.ts';
import { createPrepare, type RequestText } from '../../src/graphql/prepare.ts';
import { createRespond, createRun, type Subscription } from '../../src/graphql/run.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { createMaskError } from '../../src/graphql/stages/mask.ts';
import type { GraphQLResponse } from '../../src/graphql/stages/serialise.ts';
import { createLog } from '../../src/telemetry/log.ts';
import type { PersistedDocuments } from '../../src/graphql/persisted.ts';
import { createRateLimit } from '../../src/rate-limit/rate-limit.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

/**
 * Runs operations without a database, since no resolver should be reached. `executions` counts operations that began.
 * @param options.keptBytes how much may be kept about requests
 */
export function createRunAlone({ keptBytes = 64 * 1024 * 1024, memory = { isShort: (): boolean => false } } = {}) {
  const { limits } = parseConfig({});
  const schema = createSchema();
  const metrics = createMetrics();
  const log = createLog({ level: 'silent', readable: false, destination: new Writable() });
  const maskError = createMaskError({ log, metrics });
  let executions = 0;
  const createContext: CreateContext = () => {
    executions += 1;
    // `__typename` needs nothing from the context.
    return Object.create(null);
  };
  const rateLimit = createRateLimit({ costPerMinute: 0, shared: undefined, onRefused: () => undefined });
  const kept = createKept(keptBytes);
  const prepare = createPrepare({
    schema,
    kept,
    persisted: NOT_PERSISTED,
    isExploreOpen: false,
    documents: createDocuments({ schema, limits, kept, isExploreOpen: false }),
  });
  const run = createRun({
    schema,
    createContext,
    queue: createFairQueue({ maxCost: limits.concurrentCost, maxCostPerClient: limits.concurrentCostPerClient }),
    rateLimit,
    limits,
    memory,
    eventsAtOnce: 1,
    refreshesAtOnce: 1,
    cache: undefined,
    compress: createCompression({ minBytes: 0, metrics }),
    maskError,
    log,
    metrics,
  });
  return {
    schema,
    maskError,
    prepare,
    run,
    respond: createRespond({ prepare, run, persisted: NOT_PERSISTED, rateLimit, redisTimeoutMs: 40, metrics }),
    executions: () => executions,
  };
}

/** Documents are always sent themselves. */
export const NOT_PERSISTED: PersistedDocuments = {
  sourceOf: ({ query }) => ({ source: query, mayBeKept: true }),
  keep: () => undefined,
  load: () => Promise.resolve(false),
};

export const originOf = (caller: Caller): RequestOrigin => ({
  caller,
  signal: new AbortController().signal,
  cacheControl: parseCacheControl(undefined),
  accepted: acceptedEncoding(undefined),
  client: '127.0.0.1',
  isSafe: false,
  costMode: undefined,
  reportsCache: false,
});

export const asking = (query: string): RequestText => ({
  text: query,
  parse: () => ({ query, persisted: undefined, operationName: undefined, variables: undefined }),
});

/** A response that is not a subscription, with its body parsed. */
export function answerOf(outcome: GraphQLResponse | Subscription) {
  if ('start' in outcome) throw new Error('expected a response, got a subscription');
  return { ...outcome, result: JSON.parse(outcome.body.toString()) as Record<string, unknown> };
}
