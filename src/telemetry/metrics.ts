import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** All metrics, under the names that `/metrics` shows. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Creates one registry per gateway, so that several gateways can run in one process. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    statements: new Counter({
      name: 'concierge_sql_statements_total',
      help: 'SQL statements sent, by name.',
      labelNames: ['statement'] as const,
      registers,
    }),
    statementSeconds: new Histogram({
      name: 'concierge_sql_statement_seconds',
      help: 'Time from sending a SQL statement to having its rows.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    ...createConnectionMetrics(registers),
    transactionRetries: new Counter({
      name: 'concierge_transaction_retries_total',
      help: 'Transactions that were rolled back and retried, by reason: conflict, lock wait, lost (connection).',
      labelNames: ['reason'] as const,
      registers,
    }),
    repeatedWrites: new Counter({
      name: 'concierge_repeated_writes_total',
      help: 'Mutations with a known idempotency key: the first result was repeated, and nothing was written.',
      registers,
    }),
    sweepFailures: new Counter({
      name: 'concierge_sweep_failures_total',
      help: 'Times that old idempotency keys could not be deleted.',
      registers,
    }),
    requests: new Counter({
      name: 'concierge_http_requests_total',
      help: 'HTTP responses, by status.',
      labelNames: ['status'] as const,
      registers,
    }),
    requestsInFlight: new Gauge({
      name: 'concierge_http_requests_in_flight',
      help: 'HTTP requests without a complete response yet.',
      registers,
    }),
    cacheResults: new Counter({
      name: 'concierge_cache_results_total',
      help: 'Response cache look-ups, by result.',
      labelNames: ['result'] as const,
      registers,
    }),
    redisFailures: new Counter({
      name: 'concierge_redis_failures_total',
      help: 'Redis commands that failed or timed out, by purpose. Requests go on without them.',
      labelNames: ['purpose'] as const,
      registers,
    }),
    ...createExecutionMetrics(registers),
    ...createSubscriptionMetrics(registers),
    uncaughtErrors: new Counter({
      name: 'concierge_uncaught_errors_total',
      help: 'Uncaught exceptions and unhandled rejections, each logged with an id. The gateway goes on.',
      registers,
    }),
    unprintedLines: new Counter({
      name: 'concierge_unprinted_lines_total',
      help: 'Log lines that could not be written because their reader is gone. The gateway goes on.',
      registers,
    }),
    maskedErrors: new Counter({
      name: 'concierge_masked_errors_total',
      help: 'Unexpected errors, of which the client gets only an id.',
      registers,
    }),
  };
}

function createConnectionMetrics(registers: Registry[]) {
  return {
    databaseFull: new Counter({
      name: 'concierge_database_full_total',
      help: 'Statements (read) and transactions (write) refused because no database connection became free in time.',
      labelNames: ['what'] as const,
      registers,
    }),
    spareStatements: new Counter({
      name: 'concierge_spare_statements_total',
      help: 'Statements sent on a spare connection because all others were busy: answered, or stopped (took too long).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    unpreparedStatements: new Counter({
      name: 'concierge_unprepared_statements_total',
      help: 'Statements run unprepared because the server has reached its limit of prepared statements.',
      registers,
    }),
  };
}

function createExecutionMetrics(registers: Registry[]) {
  return {
    executions: new Counter({
      name: 'concierge_executions_total',
      help: 'Operations executed, by executor: planned, or plain (graphql-js, for introspection).',
      labelNames: ['executor'] as const,
      registers,
    }),
    repeatedReads: new Counter({
      name: 'concierge_repeated_reads_total',
      help: 'Queries and events that were executed again because something was deleted while they were read.',
      registers,
    }),
  };
}

function createSubscriptionMetrics(registers: Registry[]) {
  return {
    subscriptions: new Gauge({
      name: 'concierge_subscriptions',
      help: 'Subscriptions open now.',
      registers,
    }),
    subscriptionsRefused: new Counter({
      name: 'concierge_subscriptions_refused_total',
      help: 'Subscriptions refused, by the limit that they exceeded: instance, client.',
      labelNames: ['limit'] as const,
      registers,
    }),
    subscriptionsEnded: new Counter({
      name: 'concierge_subscriptions_ended_total',
      help: 'Subscriptions that ended, by reason: client (disconnected), stalled (stopped reading), stopping, completed.',
      labelNames: ['reason'] as const,
      registers,
    }),
    subscriptionEvents: new Counter({
      name: 'concierge_subscription_events_total',
      help: 'Results sent to subscriptions.',
      registers,
    }),
    subscriptionEventsCollapsed: new Counter({
      name: 'concierge_subscription_events_collapsed_total',
      help: 'Changes combined with an earlier one that a subscription had not read yet.',
      registers,
    }),
  };
}
