import { getHeapStatistics } from 'node:v8';
import type { DocumentStore } from '../cache/document-store.ts';
import { createCompression } from '../compression.ts';
import type { Config } from '../config.ts';
import { PACE } from '../pace.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { TrustedDocuments } from '../setting-documents.ts';
import type { Log } from '../telemetry/log.ts';
import { TURNS } from '../turns.ts';
import type { MemoryWatch } from '../telemetry/memory.ts';
import { createContexts, type ContextOptions } from './context.ts';
import { createDocuments, RequestErrors, type Documents } from './documents.ts';
import { createFairQueue } from './fair-queue.ts';
import { createKept } from './kept.ts';
import { readMasks } from './masking.ts';
import { REQUEST_COST } from './operation.ts';
import { createPersisted } from './persisted.ts';
import { createPrepare } from './prepare.ts';
import { createRespond, createRun, type Respond } from './run.ts';
import { createSchema } from './schema.ts';
import { createHits, type Spending } from './stages/hits.ts';
import { createHoldBack, type HoldBack } from './stages/hold-back.ts';
import { createMaskError } from './stages/mask.ts';

/** What the parts of GraphQL share with the rest of a gateway. */
interface GraphQLParts extends Omit<ContextOptions, 'limits' | 'masks'> {
  readonly log: Log;
  readonly memory: MemoryWatch;
  readonly rateLimit: RateLimit;
  readonly documentStore: DocumentStore | undefined;
}

/** Puts the parts together that answer GraphQL requests. */
export function createGraphQL(
  { limits, auth, trust, compressionMinBytes, cache: { timeoutMs: redisTimeoutMs } }: Config,
  { log, documentStore, ...given }: GraphQLParts,
): Respond {
  const { isExploreOpen } = auth;
  const schema = createSchema();
  const maskError = createMaskError({ log, metrics: given.metrics });
  const kept = createKept(keptBytes());
  given.metrics.keptBytes(() => kept.bytes());
  const persisted = createPersisted({
    trusted: trust.documents,
    mode: trust.documents.size === 0 ? 'off' : trust.mode,
    limits,
    kept,
    store: documentStore,
    log,
    metrics: given.metrics,
  });
  const documents = createDocuments({ schema, limits, kept, isExploreOpen });
  warnOfInvalid(trust.documents, documents, log);
  const prepare = createPrepare({ schema, kept, persisted, isExploreOpen, documents });
  const queue = createFairQueue({
    maxCost: limits.concurrentCost,
    maxCostPerClient: limits.concurrentCostPerClient,
  });
  given.metrics.waitingExecutions(() => queue.waiting());
  given.metrics.heldBack(() => PACE.waiting());
  const run = createRun({
    ...given,
    log,
    schema,
    queue,
    limits,
    compress: createCompression({ minBytes: compressionMinBytes, metrics: given.metrics }),
    createContext: createContexts({ ...given, limits, masks: readMasks(schema) }),
    eventsAtOnce: Math.ceil(limits.databaseConnections / 2),
    refreshesAtOnce: Math.ceil(limits.databaseConnections / 2),
    maskError,
  });
  // If one client may have all of them, clients are told apart elsewhere.
  const holdBack =
    limits.requestsPerClient < limits.requests ? createHoldBack({ ...limits, metrics: given.metrics }) : undefined;
  const { cache, rateLimit, metrics } = given;
  return createRespond({
    prepare,
    run,
    persisted,
    rateLimit,
    holdBack,
    hits: cache && createHits({ cache, spending: spendingOf(rateLimit, holdBack), compressionMinBytes, metrics }),
    redisTimeoutMs,
    metrics,
  });
}

/** Ids that one line of the log has. */
const MAX_IDS = 20;
/** How many of them it gives a reason for, and its most characters. */
const MAX_REASONS = 5;
const MAX_REASON_LENGTH = 200;

const cut = (text: string): string =>
  text.length <= MAX_REASON_LENGTH ? text : `${text.slice(0, MAX_REASON_LENGTH - 1)}…`;

/** Tells of trusted documents that are not valid, or too complex. Clients of a version before may still have some, so it is no error. */
function warnOfInvalid(trusted: TrustedDocuments, documents: Documents, log: Log): void {
  const reasons = new Map<string, string>();
  for (const [id, text] of trusted)
    try {
      documents.read(text, true);
    } catch (error) {
      if (!(error instanceof RequestErrors)) throw error;
      reasons.set(id, error.errors[0]?.message ?? '');
    }
  if (reasons.size > 0)
    log.warn(
      {
        documents: [...reasons.keys()].slice(0, MAX_IDS),
        count: reasons.size,
        reasons: [...reasons].slice(0, MAX_REASONS).map(([id, reason]) => ({ id, reason: cut(reason) })),
      },
      'Some trusted documents cannot be executed: they do not fit the schema',
    );
}

/** What a request costs that is answered without being looked at. */
const spendingOf = (rateLimit: RateLimit, holdBack: HoldBack | undefined): Spending => ({
  spendAtOnce(client) {
    if (holdBack?.isHeld(client) === true || !rateLimit.spendAtOnce(client, REQUEST_COST)) return false;
    TURNS.charge(client);
    return true;
  },
  giveBack: (client) => rateLimit.add(client, -REQUEST_COST),
});

/** How much may be kept about requests: up to a quarter of the heap, of which the rest is for requests in progress. */
const keptBytes = (): number => Math.min(64 * 1024 * 1024, Math.floor(getHeapStatistics().heap_size_limit / 4));
