import type { Kinds } from './metric-kinds.ts';

export function createHttpMetrics({ counter, gauge, measuredGauge }: Kinds) {
  return {
    requests: counter(
      'concierge_http_requests_total',
      'HTTP responses, by status, including those to what is no HTTP request.',
      ['status'],
    ),
    requestsInFlight: gauge('concierge_http_requests_in_flight', 'HTTP requests without a complete response yet.'),
    knownRequests: counter(
      'concierge_http_known_requests_total',
      'GraphQL requests answered from memory without being parsed, since the same bytes were answered before.',
    ),
    knownBytes: measuredGauge(
      'concierge_http_known_bytes',
      'Memory taken by the requests that need not be parsed if they come again.',
    ),
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

/** Of who asks, and by which documents. */
export function createAccessMetrics({ counter }: Kinds) {
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
    previousSecretTokens: counter(
      'concierge_previous_secret_tokens_total',
      'Verified tokens that only AUTH_JWT_SECRET_PREVIOUS fits. While it grows, that is still needed.',
    ),
    scopesMissing: counter(
      'concierge_scopes_missing_total',
      'Operations that were refused because their caller lacks a scope, by scope.',
      ['scope'],
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
