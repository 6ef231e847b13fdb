import { hash } from 'node:crypto';
import type { Caller } from './access/caller.ts';
import type { Deadline } from './batch/loaders.ts';
import { createRedis } from './cache/redis.ts';
import { createResponseCache, type ResponseCache } from './cache/response-cache.ts';
import type { Config } from './config.ts';
import type { Context } from './crm/context.ts';
import { createError } from './errors.ts';
import { createLoaders } from './crm/registry.ts';
import { createDatabase, type Database } from './db/database.ts';
import { runTransaction } from './db/transaction.ts';
import type { DocumentFacts } from './graphql/analysis.ts';
import { createDocuments } from './graphql/documents.ts';
import { createMask } from './graphql/mask.ts';
import { createPipeline } from './graphql/pipeline.ts';
import { createSchema, SDL } from './graphql/schema.ts';
import { createGraphQLFront } from './http/graphql-front.ts';
import { graphiqlOptions, renderGraphiQL } from './http/graphiql.ts';
import { createReadiness, live } from './http/health.ts';
import { createGraphQLRoute } from './http/graphql-route.ts';
import { createHttpServer, read, type Route } from './http/server.ts';
import type { Log } from './telemetry/log.ts';
import { createMetrics } from './telemetry/metrics.ts';

/** A gateway. */
export interface App {
  /** Resolves with the port once requests are taken. */
  listen(): Promise<number>;
  /** Finishes what is under way and ends every connection, within ten seconds. */
  close(): Promise<void>;
}

/** How long requests under way may take to finish when the gateway stops. */
const STOP_MS = 7_000;

/**
 * Puts a gateway together: database, cache, schema, pipeline, HTTP.
 * @param config needs a `databaseUrl`, whose database is migrated
 * @throws SERVICE_UNAVAILABLE when the database cannot be reached
 */
export async function createApp(
  config: Config & { readonly databaseUrl: string },
  { log }: { log: Log },
): Promise<App> {
  const { limits } = config;
  const metrics = createMetrics();
  const schema = createSchema();
  const db = await createDatabase({
    url: config.databaseUrl,
    connections: limits.databaseConnections,
    statementMs: limits.statementMs,
    metrics,
  });
  const redis =
    config.redisUrls.length === 0 || !config.cache.enabled
      ? undefined
      : createRedis({ urls: config.redisUrls, timeoutMs: config.cache.timeoutMs, log, metrics });
  const schemaHash = hash('sha256', SDL, 'base64url');
  const cache =
    redis === undefined ? undefined : createResponseCache({ redis, prefix: config.cache.prefix, schemaHash, metrics });
  const documents = createDocuments(schema, { maxTokens: limits.tokens, metrics });
  const pipeline = createPipeline({
    schema,
    documents,
    mask: createMask({ log, metrics }),
    createContext: (caller, facts, deadline) => createContext({ caller, facts, deadline, db, cache, config }),
    requestMs: limits.requestMs,
    bodyBytes: limits.bodyBytes,
    graphiql: graphiqlOptions,
    renderGraphiQL,
  });
  const front = createGraphQLFront({ documents, pipeline, cache, bodyBytes: limits.bodyBytes });
  const server = createHttpServer({
    log,
    metrics,
    routes: {
      '/graphql': createGraphQLRoute({ front, yoga: pipeline.handle }),
      '/schema.graphql': text('application/graphql; charset=utf-8', () => SDL),
      '/health/live': read(live),
      '/health/ready': read(
        createReadiness({
          isStopping: () => server.isClosing(),
          pingDatabase: () => db.ping(),
          redisState: () => (redis === undefined ? 'not used' : redis.isUp() ? 'up' : 'down'),
        }),
      ),
      '/metrics': text('text/plain; version=0.0.4; charset=utf-8', () => metrics.registry.metrics()),
    },
  });
  const close = async (): Promise<void> => {
    await server.close(STOP_MS);
    await pipeline.handle.dispose();
    await cache?.close();
    await db.close();
  };
  let closed: Promise<void> | undefined;
  return {
    listen: () => server.listen(config.port, config.host),
    close: () => (closed ??= close()),
  };
}

function text(contentType: string, content: () => string | Promise<string>): Route {
  return read(async (_, response) => {
    const body = Buffer.from(await content());
    response.writeHead(200, { 'content-type': contentType, 'content-length': body.length });
    response.end(body);
  });
}

/** What one request's resolvers get. */
function createContext(options: {
  caller: Caller;
  facts: DocumentFacts;
  deadline: Deadline;
  db: Database;
  cache: ResponseCache | undefined;
  config: Config;
}): Context {
  const { caller, deadline, db, cache, config } = options;
  // An answer that nobody waits for any more asks the database for nothing more.
  const assertWanted = (): void => {
    if (deadline.isOver) throw createError('TIMEOUT', 'The request was given up.');
  };
  const readIfWanted: Database['read'] = async (statement) => {
    assertWanted();
    return db.read(statement);
  };
  const batch = { db: { read: readIfWanted }, columnsOf: options.facts.columnsOf };
  // A plain property: V8 makes a hidden class of its own, in old memory, for each object literal with an accessor.
  const context: Context & { loaders: Context['loaders'] } = {
    ...batch,
    loaders: createLoaders(batch),
    pageBounds: config.limits,
    caller,
    writer: {
      actor: caller.subject,
      async transaction(changes, command) {
        assertWanted();
        let mayBeCommitted = false;
        try {
          return await runTransaction(db.client, config.limits.requestMs, async (transaction) => {
            const result = await command(transaction);
            mayBeCommitted = true;
            return result;
          });
        } finally {
          // After a failure too: a connection that was lost at COMMIT may have committed.
          if (mayBeCommitted) await cache?.invalidate(changes);
          context.loaders = createLoaders(batch);
        }
      },
    },
  };
  return context;
}
