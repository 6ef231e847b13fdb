import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Everything that is counted, under the names that `/metrics` shows. */
export type Metrics = ReturnType<typeof createMetrics>;

/** One registry for one gateway, so that several can run in a process. */
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
    requests: new Counter({
      name: 'concierge_http_requests_total',
      help: 'HTTP requests answered, by status.',
      labelNames: ['status'] as const,
      registers,
    }),
    requestsInFlight: new Gauge({
      name: 'concierge_http_requests_in_flight',
      help: 'HTTP requests being answered now.',
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
      help: 'Redis commands that failed or took too long and were carried on without, by purpose.',
      labelNames: ['purpose'] as const,
      registers,
    }),
    maskedErrors: new Counter({
      name: 'concierge_masked_errors_total',
      help: 'Unexpected errors that were answered with no more than an id.',
      registers,
    }),
    jitFallbacks: new Counter({
      name: 'concierge_jit_fallbacks_total',
      help: 'Documents that could not be compiled and run on the plain executor.',
      registers,
    }),
  };
}
