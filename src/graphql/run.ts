import { Patience } from '../cache/patience.ts';
import { givenUp } from '../errors.ts';
import { RateLimited, type RateLimit } from '../rate-limit/rate-limit.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { TURNS } from '../turns.ts';
import { graphqlError, rateLimitError } from './coded-errors.ts';
import { RequestErrors } from './documents.ts';
import { isSubscription, REQUEST_COST, type Operation, type RequestOrigin } from './operation.ts';
import { UnknownDocument, type PersistedDocuments } from './persisted.ts';
import { requestBytes, type Prepare, type RequestText } from './prepare.ts';
import { createAuthorise, type AuthoriseOptions } from './stages/authorise.ts';
import { bound } from './stages/bound.ts';
import { encode } from './stages/encode.ts';
import { createExecute, type ExecuteOptions } from './stages/execute.ts';
import type { Hits } from './stages/hits.ts';
import type { HoldBack } from './stages/hold-back.ts';
import { mask } from './stages/mask.ts';
import { costAlone, report } from './stages/report.ts';
import { createSerialise, serialise, type GraphQLResponse } from './stages/serialise.ts';
import { createSharedCache, type SharedCacheOptions } from './stages/shared-cache.ts';
import { createSubscribe } from './stages/subscribe.ts';

export interface RunOptions extends ExecuteOptions, Omit<SharedCacheOptions, 'limits' | 'metrics'> {
  readonly log: AuthoriseOptions['log'];
  readonly metrics: ExecuteOptions['metrics'] & SharedCacheOptions['metrics'] & AuthoriseOptions['metrics'];
  /** How many subscription events are executed concurrently, so that their reads leave connections for requests. */
  readonly eventsAtOnce: number;
}

export type Run = ReturnType<typeof createRun>;

/** A subscription that may begin. */
export interface Subscription {
  readonly client: string;
  /** About how much memory its document and variables take as long as it is open. */
  readonly bytes: number;
  /** When its caller's permissions end, by `Date.now()`; undefined for never. */
  readonly expiresAtMs: number | undefined;
  /** Its results as JSON in UTF-8, one for each event until the signal aborts; a single one if it could not begin. */
  start(signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
}

/**
 * Creates the function that takes a prepared operation through all stages, whoever sends it and in whichever way. It never rejects:
 * a failure is a response with errors, which are masked and have codes.
 */
export function createRun(options: RunOptions) {
  const { maskError } = options;
  const cached = createSharedCache(options);
  const execute = createExecute(options);
  const executeMasked: typeof execute = (operation, inputs) =>
    mask(execute(operation, inputs), maskError, operation.client);
  const serialiseAnswer = createSerialise(options);
  // The stages before the cache, in this order. After the first one that gives a response, only reports are added, and it is compressed.
  const checks = [createAuthorise(options), bound, costAlone] as const;
  const subscribe = createSubscribe({ ...options, executeMasked, serialise: serialiseAnswer });

  const respond = async (operation: Operation, tags: Set<string>) =>
    serialiseAnswer(operation, await executeMasked(operation, { tags }));

  return async (operation: Operation): Promise<GraphQLResponse | Subscription> => {
    const finish = (response: GraphQLResponse) => encode(operation, report(operation, response), options.compress);
    for (const check of checks) {
      const response = check(operation);
      if (response !== undefined) return finish(response);
    }
    if (isSubscription(operation)) {
      const { expiresAtMs } = operation.caller;
      return {
        client: operation.client,
        bytes: heldBytes(operation),
        expiresAtMs,
        // Each of its events has a time limit of its own.
        start: (signal) => subscribe({ ...operation, signal, heldMs: 0, patience: undefined }),
      };
    }
    return finish(await cached(operation, respond));
  };
}

const heldBytes = (operation: Operation): number => operation.document.entry.bytes + requestBytes(operation);

export interface RespondOptions {
  readonly prepare: Prepare;
  readonly run: Run;
  readonly persisted: Pick<PersistedDocuments, 'load'>;
  readonly rateLimit: Pick<RateLimit, 'spend'>;
  /** Undefined when nobody's requests are held back. */
  readonly holdBack?: HoldBack | undefined;
  /** Undefined when no responses are cached. */
  readonly hits?: Hits | undefined;
  /** The longest that a command of Redis may take. */
  readonly redisTimeoutMs: number;
  readonly metrics: Pick<Metrics, 'graphqlErrors'>;
}

export type Respond = ReturnType<typeof createRespond>;

/**
 * Creates the function that prepares a request and runs its operation: the only way from a request to a response.
 * @returns a function that rejects with what the request's `parse` throws
 */
export function createRespond(options: RespondOptions) {
  const { prepare, run, persisted, rateLimit, holdBack, hits, redisTimeoutMs, metrics } = options;
  const counted = <Result extends object>(
    response: Result & { readonly errorCodes?: ReadonlySet<unknown> },
  ): Result => {
    for (const code of response.errorCodes ?? []) metrics.graphqlErrors.inc({ code: String(code) });
    return response;
  };
  const prepareLoaded = async (request: RequestText, origin: RequestOrigin): Promise<Operation> => {
    try {
      return prepare(request, origin);
    } catch (error) {
      if (!(error instanceof UnknownDocument)) throw error;
      const isLoaded = await origin.patience?.wait(() => persisted.load(error.id));
      if (isLoaded !== true) throw error;
      TURNS.charge(origin.client);
      return prepare(request, origin);
    }
  };
  return async (request: RequestText, given: RequestOrigin): Promise<GraphQLResponse | Subscription> => {
    const { client, signal } = given;
    const patience = new Patience(redisTimeoutMs);
    try {
      const asked = rateLimit.spend(client, REQUEST_COST);
      if (asked !== undefined) await patience.waitFor(asked);
      const held = holdBack?.waitFor(given);
      const origin = held === undefined ? given : { ...given, heldMs: await held };
      // Its body may have arrived after its turn.
      if (TURNS.look()) await TURNS.next(client);
      // The client may have given it up meanwhile, and others wait.
      if (signal.aborted) return counted(serialise({ errors: [graphqlError('TIMEOUT', givenUp().message)] }));
      TURNS.charge(client);
      const found = hits?.find(request, origin);
      if (found !== undefined) return found;
      const operation = await prepareLoaded(request, { ...origin, patience });
      const response = counted(await run(operation));
      if ('start' in response || !operation.mayBeKept || hits === undefined) return response;
      return { ...response, repeatable: hits.keep(request, origin, response) };
    } catch (error) {
      if (error instanceof RequestErrors) return counted(serialise({ errors: error.errors }));
      if (error instanceof RateLimited) return counted(serialise({ errors: [rateLimitError(error)] }));
      throw error;
    }
  };
}
