import type { Kinds } from './metric-kinds.ts';

export function createCacheMetrics({ counter, gauge, measuredGauge }: Kinds) {
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
    nearEvictions: counter(
      'concierge_cache_near_evictions_total',
      "Responses that left the gateway's own memory, by reason: size (room for others), invalidated (by a write), expired (its lifetime " +
        'was over).',
      ['reason'],
    ),
    nearMisses: counter(
      'concierge_cache_near_misses_total',
      "Look-ups in the gateway's own memory that gave nothing, by reason: absent (nothing is kept), unsure (a write may not have been read " +
        'of, or there is no lease), invalidated (by a write), expired (its lifetime was over).',
      ['reason'],
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
    cacheSuspensions: counter(
      'concierge_cache_suspensions_total',
      'Times that this gateway could not tell Redis of its writes, and had all others use no cached responses until it could.',
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

export function createRedisMetrics({ counter, stateGauge }: Kinds) {
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
    breakerOpenings: counter(
      'concierge_redis_breaker_openings_total',
      'Times that the circuit breaker opened, because Redis did not reply in time: then nothing is sent for half a second.',
    ),
    heldWrites: counter(
      'concierge_held_writes_total',
      'Mutations answered later, since Redis did not take their invalidation at once and other gateways had to notice.',
    ),
  };
}
