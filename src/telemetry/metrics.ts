import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** All metrics, under the names that `/metrics` shows. */
export type Metrics = ReturnType<typeof createMetrics>;

type Kinds = ReturnType<typeof kindsIn>;

/** The kinds of metrics, each made by its name, its help and the names of its labels, in a registry. */
const kindsIn = (registry: Registry) => ({
  counter: <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name, help, labelNames, registers: [registry] }),
  gauge: (name: string, help: string) => new Gauge({ name, help, registers: [registry] }),
  /** Returns a function that takes what is asked for the value whenever somebody looks. */
  measuredGauge: (name: string, help: string) => (measure: () => number) =>
    void new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(measure());
      },
    }),
  /** Returns a function that is given all states and which of them is the present one, and adds the gauge. */
  stateGauge:
    (name: string, help: string) =>
    <State extends string>(states: readonly State[], present: () => State): Gauge<'state'> =>
      new Gauge({
        name,
        help,
        labelNames: ['state'],
        registers: [registry],
        collect() {
          for (const state of states) this.set({ state }, state === present() ? 1 : 0);
        },
      }),
});

/** Creates one registry per gateway, so that several gateways can run in one process. */
export function createMetrics() {
  const registry = new Registry();
  const kinds = kindsIn(registry);
  const { counter } = kinds;
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    statements: counter('concierge_sql_statements_total', 'SQL statements sent, by name.', ['statement']),
    statementSeconds: new Histogram({
      name: 'concierge_sql_statement_seconds',
      help: 'Time from sending a SQL statement to having its rows.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers: [registry],
    }),
    ...createConnectionMetrics(kinds),
    transactionRetries: counter(
      'concierge_transaction_retries_total',
      'Transactions that were retried, by reason: conflict, lock wait, lost (connection).',
      ['reason'],
    ),
    replayedWrites: counter(
      'concierge_replayed_writes_total',
      'Mutations with a known idempotency key: the first result was replayed, and nothing was written.',
    ),
    sweepFailures: counter('concierge_sweep_failures_total', 'Times that old idempotency keys could not be deleted.'),
    ...createHttpMetrics(kinds),
    ...createCacheMetrics(kinds),
    ...createAccessMetrics(kinds),
    ...createRedisMetrics(kinds),
    ...createExecutionMetrics(kinds),
    stalls: new Histogram({
      name: 'concierge_event_loop_stall_seconds',
      help: 'Times for which the event loop was held up, over 0.1 s, by cause: parse, validate, execute, serialise, garbage collection, unknown.',
      labelNames: ['cause'],
      buckets: [0.2, 0.5, 1, 2, 5, 10],
      registers: [registry],
    }),
    ...createSubscriptionMetrics(kinds),
    uncaughtErrors: counter(
      'concierge_uncaught_errors_total',
      'Uncaught exceptions and unhandled rejections, each logged with an id. The gateway goes on.',
    ),
    unprintedLines: counter(
      'concierge_unprinted_lines_total',
      'Log lines that could not be written because their reader is gone. The gateway goes on.',
    ),
    maskedErrors: counter('concierge_masked_errors_total', 'Unexpected errors, of which the client gets only an id.'),
  };
}

function createHttpMetrics({ counter, gauge }: Kinds) {
  return {
    requests: counter(
      'concierge_http_requests_total',
      'HTTP responses, by status, including those to what is no HTTP request.',
      ['status'],
    ),
    requestsInFlight: gauge('concierge_http_requests_in_flight', 'HTTP requests without a complete response yet.'),
    requestsQueued: counter(
      'concierge_http_requests_queued_total',
      'HTTP requests that waited because their connection had as many handled as it may.',
    ),
    compressions: counter(
      'concierge_http_compressions_total',
      'GraphQL responses compressed, by encoding: gzip, br; or identity, sent as they were because too much else was being compressed.',
      ['encoding'],
    ),
    requestsRefused: counter(
      'concierge_http_requests_refused_total',
      'GraphQL requests refused because too many were being handled, memory was short, or their client had spent its cost per minute: gateway, client, memory, cost.',
      ['limit'],
    ),
    connections: gauge('concierge_http_connections', 'Connections of clients that are open now.'),
    connectionsCut: counter(
      'concierge_http_connections_cut_total',
      'Connections closed though their clients would go on: idle (room for others), unfinished (room, instead of a request ' +
        'that did not arrive), unread (room, instead of a response that is not read), full (all others busy), stalled (a ' +
        'response was not read for long), memory (too much was held), short (the process has little memory left).',
      ['reason'],
    ),
  };
}

function createCacheMetrics({ counter, gauge, measuredGauge }: Kinds) {
  return {
    cacheResults: counter(
      'concierge_cache_results_total',
      'Responses that may be cached, by result, as in their header X-Cache.',
      ['result'],
    ),
    nearHits: counter(
      'concierge_cache_near_hits_total',
      "Hits that the gateway's own memory answered; the other hits were answered by Redis.",
    ),
    nearBytes: measuredGauge(
      'concierge_cache_near_bytes',
      "Memory taken by cached responses in the gateway's own memory.",
    ),
    nearWaits: counter(
      'concierge_cache_near_waits_total',
      'Writes that waited for other gateways that answer from their own memory, by outcome: acknowledged (all of them have read of ' +
        'it), ended (the lease of one ended first), unknown (Redis has lost who they are, or did not say). Writes at the same time are one.',
      ['outcome'],
    ),
    cacheRefreshes: counter(
      'concierge_cache_refreshes_total',
      'Responses executed again in the background because their lifetime was over.',
    ),
    cacheWaiting: gauge('concierge_cache_waiting', 'Requests that wait for an equal one to be executed.'),
    cacheWaits: counter(
      'concierge_cache_waits_total',
      'Requests that waited for an equal one, by outcome: joined (got its response), stored (found what another gateway had ' +
        'stored), taken over (another gateway had stopped executing it), alone (waited in vain, and were executed by themselves).',
      ['outcome'],
    ),
    cacheMisses: counter(
      'concierge_cache_misses_total',
      'Queries not answered from the response cache, by reason: absent (not stored, or no longer), expired (older than ' +
        'its lifetime, or than the request asked for), invalidated (by a write), refresh (the request said no-cache), refused (a field is never ' +
        'cached), redis (down, refusing, or not believed).',
      ['reason'],
    ),
    cacheNotStored: counter(
      'concierge_cache_not_stored_total',
      'Responses that were executed after a look-up and not stored, by reason: redis, no-store (of the request), errors, large.',
      ['reason'],
    ),
  };
}

function createAccessMetrics({ counter }: Kinds) {
  return {
    persistedDocuments: counter(
      'concierge_persisted_documents_total',
      'Requests with the id of a document alone, by where that was: trusted (given to the gateway), memory, redis, unknown. What was ' +
        'found in Redis also counts as memory.',
      ['outcome'],
    ),
    untrustedDocuments: counter(
      'concierge_untrusted_documents_total',
      'Documents that the gateway is not given to trust, by mode: log (executed), enforce (refused).',
      ['mode'],
    ),
    tokenVerifications: counter(
      'concierge_token_verifications_total',
      'Tokens whose signature and claims were checked. Most requests have a token that was checked before.',
    ),
    tokensRefused: counter(
      'concierge_tokens_refused_total',
      'Requests refused because of their token, by reason: missing, scheme (not Bearer), repeated (two headers), unavailable ' +
        "(the issuer's keys), many (from one network), memory (too short), or what is wrong with the token.",
      ['reason'],
    ),
    apiKeyLookups: counter(
      'concierge_api_key_lookups_total',
      'API keys looked up in the database: at most once a second for each key and gateway.',
    ),
    keySetFetches: counter(
      'concierge_key_set_fetches_total',
      "Attempts to fetch the issuer's keys (AUTH_JWKS_URL), by result: fetched, failed.",
      ['result'],
    ),
  };
}

function createRedisMetrics({ counter, stateGauge }: Kinds) {
  return {
    redisFailures: counter(
      'concierge_redis_failures_total',
      'Redis commands that failed or timed out, by purpose and reason (what Redis refused them with, such as NOREPLICAS, or the ' +
        "code of the connection's error). Requests go on without them.",
      ['purpose', 'reason'],
    ),
    showRedisState: stateGauge(
      'concierge_redis_state',
      'Whether Redis is up, down or refusing commands: 1 for its state.',
    ),
    heldWrites: counter(
      'concierge_held_writes_total',
      'Mutations answered later, since Redis did not take their invalidation at once and other gateways had to notice.',
    ),
  };
}

function createConnectionMetrics({ counter }: Kinds) {
  return {
    databaseFull: counter(
      'concierge_database_full_total',
      'Statements (read) and transactions (write) refused because no database connection became free in time.',
      ['what'],
    ),
    spareStatements: counter(
      'concierge_spare_statements_total',
      'Statements sent on a spare connection because all others were busy: answered, or stopped (took too long).',
      ['outcome'],
    ),
    unpreparedStatements: counter(
      'concierge_unprepared_statements_total',
      'Statements run unprepared because the server has reached its limit of prepared statements.',
    ),
  };
}

function createExecutionMetrics({ counter, measuredGauge }: Kinds) {
  return {
    keptBytes: measuredGauge(
      'concierge_kept_bytes',
      'Memory taken by what is kept about requests: documents, their plans, and requests that were sent again.',
    ),
    waitingExecutions: measuredGauge(
      'concierge_executions_waiting',
      'Operations that wait for the turn of their client, because what is executed costs too much already.',
    ),
    heldBack: measuredGauge(
      'concierge_held_back',
      'GraphQL requests that wait before they begin: the event loop is busy, and their clients take more of it than others.',
    ),
    graphqlErrors: counter(
      'concierge_graphql_errors_total',
      'Responses to GraphQL requests, by each code of their errors.',
      ['code'],
    ),
    heldBackRequests: counter('concierge_held_back_requests_total', 'GraphQL requests that had to wait so.'),
    executions: counter(
      'concierge_executions_total',
      'Operations executed, by executor. graphql-js (plain) executes those with introspection; everything else is ' +
        'executed by its plan (planned).',
      ['executor'],
    ),
    retriedReads: counter(
      'concierge_retried_reads_total',
      'Queries and events that were executed again because something was deleted while they were read.',
    ),
  };
}

function createSubscriptionMetrics({ counter, gauge }: Kinds) {
  return {
    subscriptions: gauge('concierge_subscriptions', 'Subscriptions open now.'),
    subscriptionsRefused: counter(
      'concierge_subscriptions_refused_total',
      'Subscriptions refused, by the limit that they exceeded: gateway, client, memory.',
      ['limit'],
    ),
    subscriptionsEnded: counter(
      'concierge_subscriptions_ended_total',
      'Subscriptions that ended, by reason: client (disconnected), stalled (stopped reading), stopping, expired (its token), completed.',
      ['reason'],
    ),
    subscriptionEvents: counter('concierge_subscription_events_total', 'Results sent to subscriptions.'),
    subscriptionEventsCollapsed: counter(
      'concierge_subscription_events_collapsed_total',
      'Changes combined with an earlier one that a subscription had not read yet.',
    ),
    subscriptionChangesFound: counter(
      'concierge_subscription_changes_found_total',
      'Changes to watched customers that no gateway had told of, found by a check.',
    ),
    subscriptionCheckFailures: counter(
      'concierge_subscription_check_failures_total',
      'Statements that look for changes to watched customers and failed, or took more than a second.',
    ),
  };
}
