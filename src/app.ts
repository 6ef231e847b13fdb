import { hash, randomUUID } from 'node:crypto';
import { ANYBODY } from './access/caller.ts';
import { createRedis } from './cache/redis.ts';
import { createRedisChannels, type ChannelListener } from './cache/redis-channels.ts';
import { createResponseCache } from './cache/response-cache.ts';
import type { Config } from './config.ts';
import { sweepKeys } from './crm/idempotency.ts';
import { createDatabase, type Database } from './db/database.ts';
import { sharedKey } from './db/shared-key.ts';
import { createCustomerBus } from './events/customer-bus.ts';
import { createContexts, type ContextOptions } from './graphql/context.ts';
import { createDocuments } from './graphql/documents.ts';
import { createPrepare } from './graphql/prepare.ts';
import { createRespond, createRun, type Respond } from './graphql/run.ts';
import { createSchema, SDL } from './graphql/schema.ts';
import { createMaskError } from './graphql/stages/mask.ts';
import { createYogaHandler } from './graphql/yoga.ts';
import { allowOrigins } from './http/cors.ts';
import { graphiqlOptions } from './http/graphiql.ts';
import { renderGraphiQL } from './http/graphiql-page.ts';
import { createGraphQLHandler } from './http/graphql-handler.ts';
import { createReadiness, live } from './http/health.ts';
import { createGraphQLRoute } from './http/graphql-route.ts';
import { createHttpServer, read, type Route } from './http/server.ts';
import { createSubscriptions } from './http/subscriptions.ts';
import { createCursors, CURSOR_KEY_BYTES, type Cursors } from './relay/cursor.ts';
import type { Log } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';

/** A gateway. */
export interface App {
  /** Resolves with the port once requests are accepted. */
  listen(): Promise<number>;
  /** Logs an uncaught error with an id, and counts it. */
  readonly uncaught: (error: unknown) => void;
  /** Counts log lines that could not be printed, since nobody reads them any more. */
  readonly unprinted: () => void;
  /** Finishes requests in flight and closes every connection, within ten seconds. */
  close(): Promise<void>;
}

/** How long requests in flight may take to finish when the gateway stops. */
const STOP_MS = 7_000;
/** How often each gateway deletes expired idempotency keys. */
const SWEEP_MS = 10 * 60_000;

type AppConfig = Config & {
  /** The URL of a migrated database. */
  readonly databaseUrl: string;
  /** Whether no other gateway uses its Redis, so that subscriptions report LOCAL. */
  readonly redisIsPrivate?: boolean;
};

/**
 * Assembles a gateway: database, cache, schema, pipeline, HTTP.
 * @throws SERVICE_UNAVAILABLE when the database cannot be reached; OperatorError when its key for cursors cannot
 *   be used
 */
export async function createApp(config: AppConfig, { log }: { log: Log }): Promise<App> {
  const { limits } = config;
  const metrics = createMetrics();
  const db = await createDatabase(databaseOptions(config, metrics));
  const { cursors, cursorKey } = await openCursors(db);
  const { redis, cache, bus } = createRedisParts(config, { cursorKey, log, metrics });
  const { respond, yoga } = createGraphQL(config, { db, cache, customerEvents: bus, cursors, log, metrics });
  const subscriptions = createSubscriptions({ limits, metrics });
  const graphql = createGraphQLHandler({ respond, bodyBytes: limits.bodyBytes, subscriptions });
  const server = createHttpServer({
    log,
    metrics,
    home: '/graphql',
    routes: {
      ...allowOrigins(config.corsOrigins, {
        '/graphql': createGraphQLRoute({ graphql, callerOf, yoga }),
        '/schema.graphql': text('application/graphql; charset=utf-8', () => SDL),
      }),
      '/health/live': read(live),
      '/health/ready': read(
        createReadiness({
          isStopping: () => server.isClosing(),
          pingDatabase: () => db.ping(),
          waiting: () => db.waiting(),
          redisState: () => redis?.state() ?? 'not used',
        }),
      ),
      '/metrics': text('text/plain; version=0.0.4; charset=utf-8', () => metrics.registry.metrics()),
    },
  });
  const sweeping = sweepRegularly({ db, log, metrics });
  const close = async (): Promise<void> => {
    clearInterval(sweeping);
    const serverClosed = server.close(STOP_MS);
    // Streams would never end by themselves.
    subscriptions.close();
    await serverClosed;
    await yoga.dispose();
    await bus.close();
    cache?.close();
    await redis?.close();
    await db.close();
  };
  let closed: Promise<void> | undefined;
  return {
    listen: () => server.listen(config.port, config.host),
    uncaught: uncaughtReporter({ log, metrics }),
    unprinted: () => metrics.unprintedLines.inc(),
    close: () => (closed ??= close()),
  };
}

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

/** What needs Redis: the response cache, and the customers' bus, which works within this gateway without it. */
function createRedisParts(
  { redisUrls: urls, cache: { enabled, prefix, timeoutMs }, redisIsPrivate = false }: AppConfig,
  { cursorKey, log, metrics }: { readonly cursorKey: Uint8Array; readonly log: Log; readonly metrics: Metrics },
) {
  const redis = urls.length === 0 ? undefined : createRedis({ urls, timeoutMs, log, metrics });
  // The cursor key is part of the hash: a response cached under another key contains cursors that would be refused.
  const schemaHash = hash('sha256', Buffer.concat([Buffer.from(SDL), cursorKey]), 'base64url');
  const cacheOptions = { prefix, timeoutMs, isShared: !redisIsPrivate, schemaHash, metrics };
  const cache = redis === undefined || !enabled ? undefined : createResponseCache({ redis, ...cacheOptions });
  const openChannels =
    redis === undefined || redisIsPrivate
      ? undefined
      : (listener: ChannelListener) => createRedisChannels({ urls, timeoutMs, redis, prefix, listener, log, metrics });
  return { redis, cache, bus: createCustomerBus({ openChannels, metrics }) };
}

/** There is no authentication yet: every request has the same caller. */
const callerOf = () => ANYBODY;

function createGraphQL(
  { limits }: Config,
  { log, ...given }: Omit<ContextOptions, 'limits'> & { readonly log: Log },
): { readonly respond: Respond; readonly yoga: ReturnType<typeof createYogaHandler> } {
  const schema = createSchema();
  const maskError = createMaskError({ log, metrics: given.metrics });
  const prepare = createPrepare({ schema, documents: createDocuments(schema, limits) });
  const run = createRun({
    ...given,
    schema,
    createContext: createContexts({ ...given, limits }),
    requestMs: limits.requestMs,
    eventsAtOnce: Math.ceil(limits.databaseConnections / 2),
    maskError,
  });
  const page = { graphiql: graphiqlOptions, renderGraphiQL };
  const respond = createRespond({ prepare, run });
  return { respond, yoga: createYogaHandler({ ...page, schema, respond, callerOf, maskError }) };
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

/** Deletes expired idempotency keys regularly; with several gateways, the first one deletes most of them. */
function sweepRegularly({ db, log, metrics }: { db: Database; log: Log; metrics: Metrics }): NodeJS.Timeout {
  const sweep = (): void =>
    void sweepKeys(db.client).then(
      (swept) => log.debug({ swept }, 'deleted expired idempotency keys'),
      (error: unknown) => {
        metrics.sweepFailures.inc();
        log.warn({ err: error }, 'old idempotency keys could not be deleted; trying again later');
      },
    );
  return setInterval(sweep, SWEEP_MS).unref();
}

function text(contentType: string, content: () => string | Promise<string>): Route {
  return read(async (_, response) => {
    const body = Buffer.from(await content());
    response.writeHead(200, { 'content-type': contentType, 'content-length': body.length });
    response.end(body);
  });
}
