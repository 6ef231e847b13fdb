import { Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { createCacheMetrics, createRedisMetrics } from './cache-metrics.ts';
import { createAccessMetrics, createHttpMetrics } from './http-metrics.ts';
import { kindsIn, type Kinds } from './metric-kinds.ts';

/** All metrics, under the names that `/metrics` shows. */
export type Metrics = ReturnType<typeof createMetrics>;

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
