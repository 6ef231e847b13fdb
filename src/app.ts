import { hash, randomUUID } from 'node:crypto';
import type { Caller } from './access/caller.ts';
import type { Deadline } from './batch/loaders.ts';
import { changedTags } from './batch/tags.ts';
import { createRedis } from './cache/redis.ts';
import { createRedisChannels } from './cache/redis-channels.ts';
import { createResponseCache, type ResponseCache } from './cache/response-cache.ts';
import type { Config } from './config.ts';
import type { Context } from './crm/context.ts';
import { createError } from './errors.ts';
import { sweepKeys } from './crm/idempotency.ts';
import { createLoaders } from './crm/registry.ts';
import { createWriter } from './crm/writer.ts';
import { createDatabase, type Database } from './db/database.ts';
import { createCustomerBus, type CustomerBus } from './events/customer-bus.ts';
import type { DocumentFacts } from './graphql/analysis.ts';
import { createDocuments } from './graphql/documents.ts';
import { createMask } from './graphql/mask.ts';
import { createPipeline } from './graphql/pipeline.ts';
import { createSchema, SDL } from './graphql/schema.ts';
import { shareWith } from './http/cors.ts';
import { createGraphQLFront } from './http/graphql-front.ts';
import { graphiqlOptions } from './http/graphiql.ts';
import { renderGraphiQL } from './http/graphiql-page.ts';
import { createReadiness, live } from './http/health.ts';
import { createGraphQLRoute } from './http/graphql-route.ts';
import { createHttpServer, read, type Route } from './http/server.ts';
import { createSubscriptions } from './http/subscriptions.ts';
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

/**
 * Assembles a gateway: database, cache, schema, pipeline, HTTP.
 * @param config needs a `databaseUrl` whose database is migrated; `redisIsPrivate` means that no other gateway uses its Redis,
 *   so subscriptions report LOCAL
 * @throws SERVICE_UNAVAILABLE when the database cannot be reached
 */
export async function createApp(
  config: Config & { readonly databaseUrl: string; readonly redisIsPrivate?: boolean },
  { log }: { log: Log },
): Promise<App> {
  const { limits } = config;
  const metrics = createMetrics();
  const schema = createSchema();
  const documents = createDocuments(schema, limits);
  const db = await createDatabase(databaseOptions(config, metrics));
  const { redisUrls: urls } = config;
  const { prefix, timeoutMs } = config.cache;
  const redis = urls.length === 0 ? undefined : createRedis({ urls, timeoutMs, log, metrics });
  const schemaHash = hash('sha256', SDL, 'base64url');
  const cache =
    redis === undefined || !config.cache.enabled
      ? undefined
      : createResponseCache({ redis, prefix, schemaHash, metrics });
  const bus = createCustomerBus({
    openChannels:
      redis === undefined || config.redisIsPrivate === true
        ? undefined
        : (listener) => createRedisChannels({ urls, timeoutMs, redis, prefix, listener, log, metrics }),
    metrics,
  });
  const pipeline = createPipeline({
    schema,
    documents,
    mask: createMask({ log, metrics }),
    metrics,
    createContext: (request) => createContext({ ...request, db, cache, bus, config, metrics }),
    requestMs: limits.requestMs,
    eventsAtOnce: Math.ceil(limits.databaseConnections / 2),
    graphiql: graphiqlOptions,
    renderGraphiQL,
  });
  const subscriptions = createSubscriptions({ pipeline, limits, metrics });
  const front = createGraphQLFront({ documents, pipeline, cache, bodyBytes: limits.bodyBytes, subscriptions });
  const server = createHttpServer({
    log,
    metrics,
    home: '/graphql',
    routes: {
      ...shareWith(config.corsOrigins, {
        '/graphql': createGraphQLRoute({ front, yoga: pipeline.handle }),
        '/schema.graphql': text('application/graphql; charset=utf-8', () => SDL),
      }),
      '/health/live': read(live),
      '/health/ready': read(
        createReadiness({
          isStopping: () => server.isClosing(),
          pingDatabase: () => db.ping(),
          waiting: () => db.waiting(),
          redisState: () => (redis === undefined ? 'not used' : redis.isUp() ? 'up' : 'down'),
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
    await pipeline.handle.dispose();
    await bus.close();
    await cache?.close();
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
    log.error({ err: error, errorId: randomUUID() }, 'nobody caught this error; the gateway goes on');
  };
}

/** Deletes expired idempotency keys regularly; with several gateways, the first one deletes most of them. */
function sweepRegularly({ db, log, metrics }: { db: Database; log: Log; metrics: Metrics }): NodeJS.Timeout {
  const sweep = (): void =>
    void sweepKeys(db.client).then(
      (swept) => log.debug({ swept }, 'forgot old idempotency keys'),
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

/** The context of one request's resolvers. */
function createContext(options: {
  caller: Caller;
  facts: DocumentFacts;
  deadline: Deadline;
  tags: Set<string>;
  db: Database;
  cache: ResponseCache | undefined;
  bus: CustomerBus;
  config: Config;
  metrics: Metrics;
}): Context {
  const { caller, deadline, tags, db, cache, bus, config } = options;
  // Once nobody is waiting for an answer, no more database queries are made for it.
  const assertWanted = (): void => {
    if (deadline.isOver) throw createError('TIMEOUT', 'The request was given up.');
  };
  const readIfWanted: Database['read'] = async (statement) => {
    assertWanted();
    return db.read(statement);
  };
  const batch = { db: { read: readIfWanted }, columnsOf: options.facts.columnsOf, tags };
  // A plain property: V8 creates a hidden class in the old generation for each object literal with an accessor.
  const context: Context & { loaders: Context['loaders'] } = {
    ...batch,
    loaders: createLoaders(batch),
    pageBounds: config.limits,
    caller,
    customerEvents: bus,
    writer: createWriter({
      client: db.client,
      room: db.writes,
      timeoutMs: config.limits.requestMs,
      metrics: options.metrics,
      actor: caller.subject,
      assertWanted,
      async settled(changes) {
        await cache?.invalidate(changedTags(changes));
        // After invalidating, so that a client that queries again does not get a stale answer. Not awaited.
        bus.changed(changes.customers);
        context.loaders = createLoaders(batch);
      },
    }),
  };
  return context;
}
