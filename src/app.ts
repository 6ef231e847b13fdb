import { hash, randomUUID } from 'node:crypto';
import { API_KEY_PREFIX } from './access/api-key.ts';
import { createApiKeyCallers } from './access/api-key-callers.ts';
import { createAuthenticate, type Authenticate } from './access/authenticate.ts';
import { createDocumentStore } from './cache/document-store.ts';
import { createRedis } from './cache/redis.ts';
import type { RedisState } from './cache/redis-state.ts';
import { createRedisChannels, type ChannelListener } from './cache/redis-channels.ts';
import { createResponseCache } from './cache/response-cache.ts';
import type { Config, Limits } from './config.ts';
import { agentIdOf } from './crm/global-id.ts';
import { sweepRegularly } from './crm/sweep.ts';
import { findApiKey } from './db/api-keys.ts';
import { createCacheSuspensions } from './db/cache-suspensions.ts';
import { createDatabase, type Database } from './db/database.ts';
import { sharedKey } from './db/shared-key.ts';
import { createCustomerBus } from './events/customer-bus.ts';
import { createReadStates } from './events/customer-states.ts';
import { createGraphQL } from './graphql/create-graphql.ts';
import type { Respond } from './graphql/run.ts';
import { SDL } from './graphql/schema.ts';
import { admitRequests, refusalReporter } from './http/admit-requests.ts';
import { createArrivals } from './http/arrivals.ts';
import { allowOrigins } from './http/cors.ts';
import { serveFresh } from './http/fresh-content.ts';
import { loadGraphiQLPage } from './http/graphiql-page.ts';
import { createGraphQLHandler } from './http/graphql-handler.ts';
import { createGraphQLRoute } from './http/graphql-route.ts';
import { createIdentify, exploring } from './http/identify.ts';
import { maxConnections } from './http/max-connections.ts';
import { createKnownRequests } from './http/known-requests.ts';
import { createHttpServer, KEEP_ALIVE_MS, read } from './http/server.ts';
import { LIVE, readiness } from './http/health.ts';
import { serveStatic } from './http/static-content.ts';
import { createSubscriptions } from './http/subscriptions.ts';
import { createRateLimit, type RateLimit } from './rate-limit/rate-limit.ts';
import { createSharedBuckets } from './rate-limit/shared-bucket.ts';
import { createCursors, CURSOR_KEY_BYTES, type Cursors } from './relay/cursor.ts';
import type { Log } from './telemetry/log.ts';
import { watchMemory, type MemoryWatch } from './telemetry/memory.ts';
import { watchStalls } from './telemetry/stalls.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';

/** A gateway. */
export interface App {
  /** Resolves with the port once requests are accepted. */
  listen(): Promise<number>;
  /** Logs an uncaught error with an id, and counts it. */
  readonly uncaught: (error: unknown) => void;
  /** Counts log lines that could not be printed, since nobody reads them any more. */
  readonly unprinted: () => void;
  /** Logs a warning of Node.js. */
  readonly warned: (warning: Error) => void;
  /** Answers a request that did not come by HTTP. */
  readonly respond: Respond;
  readonly redisState: () => RedisState | 'not used';
  /**
   * Stops without losing a request: goes on as usual for `drainMs`, while readiness says that it stops, then lets requests in
   * flight finish, for as long as they may take, and closes every connection.
   */
  close(options: { readonly drainMs: number }): Promise<void>;
}

/** When the gateway stops, for sending the answers of requests that have taken as long as they may. */
const SENDING_MS = 2_000;

/** Of the requests that need not be parsed. */
const KNOWN = { maxBytes: 8 * 1024 * 1024, keepAliveMs: KEEP_ALIVE_MS };

type AppConfig = Config & {
  /** The URL of a migrated database. */
  readonly databaseUrl: string;
  /** Whether no other gateway uses its Redis, so that subscriptions report LOCAL. */
  readonly redisIsPrivate?: boolean;
};

/**
 * Assembles a gateway: database, cache, schema, pipeline, HTTP.
 * @param options.nodeFlags what Node.js was started with, if that says anything about the heap
 * @throws SERVICE_UNAVAILABLE when the database cannot be reached; OperatorError when its key for cursors cannot
 *   be used
 */
export async function createApp(
  config: AppConfig,
  { log, nodeFlags = [] }: { log: Log; nodeFlags?: readonly string[] },
): Promise<App> {
  const { limits } = config;
  const metrics = createMetrics();
  const db = await createDatabase(databaseOptions(config, metrics));
  const { cursors, cursorKey } = await openCursors(db);
  const refused = refusalReporter({ log, metrics });
  const withRedis = createRedisParts(config, { db, cursorKey, refused, log, metrics });
  const { redis, cache, customerEvents, rateLimit } = withRedis;
  const redisState = () => redis?.state() ?? 'not used';
  const memory = watchMemory({ log, nodeFlags });
  const isMemoryShort = () => memory.isShort();
  const dependencies = { pingDatabase: () => db.ping(), waiting: () => db.waiting(), redisState, isMemoryShort };
  const respond = createGraphQL(config, { ...withRedis, db, cursors, memory, log, metrics });
  const subscriptions = createSubscriptions({ limits, metrics });
  const closeStalls = watchStalls({ log, metrics });
  const arrivals = createArrivals(limits.bufferBytes);
  const admission = admitRequests(limits, { memory, refused });
  const known = cache && createKnownRequests({ ...KNOWN, admission, metrics });
  const graphql = createGraphQLHandler({
    respond,
    body: { maxBytes: limits.bodyBytes, arrivals },
    corsOrigins: config.corsOrigins,
    compresses: config.compressionMinBytes > 0,
    explains: config.environment !== 'production',
    admit: admission.admit,
    subscriptions,
    known,
  });
  const { issuer, ...access } = createAccess(config, { db, rateLimit, memory, log, metrics });
  const health = { ...dependencies, ...issuer, isStopping: () => server.isStopping() };
  const server = createHttpServer({
    log,
    metrics,
    home: '/graphql',
    limits: { ...limits, connections: availableConnections(limits, log) },
    arrivals,
    known,
    isMemoryShort,
    allowedHosts: config.allowedHosts,
    routes: {
      ...allowOrigins(config.corsOrigins, {
        '/graphql': createGraphQLRoute({ graphql, ...access, page: exploring(serveStatic(loadGraphiQLPage), access) }),
        '/schema.graphql': read(exploring(serveStatic(loadSdl), access)),
      }),
      '/health/live': read(serveStatic(() => LIVE)),
      '/health/ready': read(serveFresh(() => readiness(health))),
      '/metrics': read(serveFresh(() => shown(metrics))),
    },
  });
  const sweeping = sweepRegularly({ db, log, metrics });
  const close = async (drainMs: number): Promise<void> => {
    clearInterval(sweeping);
    // Streams would never end by themselves. Not earlier, since their clients would come back to this gateway.
    await server.stop({ drainMs, withinMs: limits.requestMs + SENDING_MS, onRefusing: () => subscriptions.close() });
    memory.close();
    closeStalls();
    await customerEvents.close();
    await cache?.close();
    await rateLimit.close();
    await redis?.close();
    await db.close();
  };
  let closed: Promise<void> | undefined;
  return {
    respond,
    redisState,
    listen: () => server.listen(config.port, config.host),
    uncaught: uncaughtReporter({ log, metrics }),
    unprinted: () => metrics.unprintedLines.inc(),
    warned: (warning) => log.warn({ warning: warning.name, err: warning }, 'Node.js warns of something'),
    close: ({ drainMs }) => (closed ??= close(drainMs)),
  };
}

const shown = async ({ registry }: Metrics) => ({ type: registry.contentType, text: await registry.metrics() });

/** Reads or creates the shared key of cursors. If that fails, it closes the database, since no gateway exists that could. */
async function openCursors(db: Database): Promise<{ cursors: Cursors; cursorKey: Uint8Array }> {
  try {
    const cursorKey = await sharedKey(db.client, { name: 'cursors', bytes: CURSOR_KEY_BYTES });
    return { cursors: createCursors(cursorKey), cursorKey };
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** What needs Redis: the response cache, and the customers' bus and rate limits, which work within this gateway without it. */
function createRedisParts(
  { redisUrls: urls, limits, cache: { enabled, ...cacheConfig }, redisIsPrivate = false }: AppConfig,
  {
    db,
    cursorKey,
    refused,
    log,
    metrics,
  }: {
    readonly db: Database;
    readonly cursorKey: Uint8Array;
    readonly refused: ReturnType<typeof refusalReporter>;
    readonly log: Log;
    readonly metrics: Metrics;
  },
) {
  const { prefix, timeoutMs } = cacheConfig;
  const redis = urls.length === 0 ? undefined : createRedis({ urls, timeoutMs, log, metrics });
  // The cursor key is part of the hash: a response cached under another key contains cursors that would be refused.
  const schemaHash = hash('sha256', Buffer.concat([Buffer.from(SDL), cursorKey]), 'base64url');
  const suspensions = redisIsPrivate ? undefined : createCacheSuspensions(db);
  const cacheOptions = { ...cacheConfig, urls, isShared: !redisIsPrivate, suspensions, schemaHash, log, metrics };
  const cache = redis === undefined || !enabled ? undefined : createResponseCache({ redis, ...cacheOptions });
  const openChannels =
    redis === undefined || redisIsPrivate
      ? undefined
      : (listener: ChannelListener) => createRedisChannels({ urls, timeoutMs, redis, prefix, listener, log, metrics });
  const rateLimit = createRateLimit({
    costPerMinute: limits.costPerMinute,
    shared: redis && createSharedBuckets(redis, prefix),
    onRefused: () => refused('cost'),
  });
  const documentStore = redis && createDocumentStore(redis, prefix);
  const customerEvents = createCustomerBus({ openChannels, readStates: createReadStates(db), log, metrics });
  return { redis, cache, rateLimit, documentStore, customerEvents };
}

/** Who may do what over HTTP. */
function createAccess(
  { auth: { tokens, apiKeys, isExploreOpen } }: Config,
  {
    db,
    rateLimit,
    memory,
    ...given
  }: { db: Database; rateLimit: RateLimit; memory: MemoryWatch; log: Log; metrics: Metrics },
) {
  const { authenticate: byToken, issuerState } = tokens
    ? createAuthenticate(tokens, { ...given, agentIdOf })
    : { authenticate: undefined, issuerState: undefined };
  const byKey = apiKeys ? createApiKeyCallers({ find: findApiKey(db), ...given }) : undefined;
  const authenticate =
    byKey === undefined
      ? byToken
      : (...[token, inTurn]: Parameters<Authenticate>) =>
          (token.startsWith(API_KEY_PREFIX) || byToken === undefined ? byKey : byToken)(token, inTurn);
  return {
    identify: createIdentify({ authenticate, rateLimit, memory, ...given }),
    isOpen: isExploreOpen,
    issuer: { issuerState, hasApiKeys: apiKeys },
  };
}

const loadSdl = () => ({ type: 'application/graphql; charset=utf-8', bytes: Buffer.from(SDL) });

/** As many connections as the limit says, or fewer if the operating system allows no more. */
function availableConnections({ connections, databaseConnections }: Limits, log: Log): number {
  const most = maxConnections(2 * databaseConnections);
  if (most < connections)
    log.info(
      { connections: most },
      'The limit of open files (ulimit -n) allows fewer connections than LIMIT_CONNECTIONS',
    );
  return Math.min(connections, most);
}

function databaseOptions({ databaseUrl, limits }: Config & { readonly databaseUrl: string }, metrics: Metrics) {
  return {
    url: databaseUrl,
    connections: limits.databaseConnections,
    spareConnections: Math.ceil(limits.databaseConnections / 4),
    statementMs: limits.statementMs,
    waitMs: limits.databaseWaitMs,
    preparedStatements: limits.preparedStatements,
    metrics,
  };
}

function uncaughtReporter({ log, metrics }: { log: Log; metrics: Metrics }): (error: unknown) => void {
  return (error) => {
    metrics.uncaughtErrors.inc();
    log.error({ err: error, errorId: randomUUID() }, 'uncaught error; the gateway keeps running');
  };
}
