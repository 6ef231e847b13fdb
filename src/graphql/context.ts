import type { ResponseCache } from '../cache/response-cache.ts';
import type { Context } from '../crm/context.ts';
import { ownedTablesOf, referencesOf } from '../crm/define-type.ts';
import { createLoaders, TYPES } from '../crm/registry.ts';
import { createWriter } from '../crm/writer.ts';
import type { Paging } from '../relay/connection.ts';
import type { Database, ReadStatement } from '../db/database.ts';
import type { CustomerBus } from '../events/customer-bus.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { Work } from '../turns.ts';
import type { AnswerSize } from './answer-size.ts';
import type { Masks } from './masking.ts';
import type { Operation } from './operation.ts';

export interface ContextOptions {
  readonly db: Database;
  /** Undefined when responses are not cached. */
  readonly cache: ResponseCache | undefined;
  /** Notifies subscriptions of committed changes. */
  readonly customerEvents: CustomerBus;
  readonly limits: Omit<Paging, 'cursors'> & { readonly requestMs: number };
  readonly cursors: Paging['cursors'];
  readonly metrics: Metrics;
  readonly masks: Pick<Masks, 'hides'>;
  readonly rateLimit: Pick<RateLimit, 'allowance'>;
}

/** What an execution's resolvers share with whoever executes. */
interface Execution {
  readonly signal: AbortSignal;
  /** Collects the cache tags of what is read. */
  readonly tags: Set<string>;
  readonly size: AnswerSize;
  readonly work: Work;
}

export type CreateContext = ReturnType<typeof createContexts>;

/** Creates the function that makes the context of one execution's resolvers. */
export function createContexts(options: ContextOptions) {
  const { db, cache, customerEvents, limits, cursors, metrics, masks, rateLimit } = options;
  const paging = { pageSizeDefault: limits.pageSizeDefault, pageSizeMax: limits.pageSizeMax, cursors };
  const owned = ownedTablesOf(TYPES);
  const references = referencesOf(TYPES);
  return ({ caller, client, document, patience }: Operation, { signal, tags, size, work }: Execution): Context => {
    const { read } = db.reader(signal, (bytes) => size.takesRow(bytes));
    const batch = {
      db: {
        read: async (statement: ReadStatement) => {
          const rows = await read(statement);
          size.check();
          await work.turn();
          return rows;
        },
      },
      columnsOf: document.metadata.columnsOf,
      readsCursors: document.metadata.readsCursors,
      owner: caller.owner,
      tags,
      schedule: work.schedule,
    };
    const hides = (field: string) => masks.hides(field, caller.scopes);
    // A plain property: V8 creates a hidden class in the old generation for each object literal with an accessor.
    const context: Context & { loaders: Context['loaders']; readonly size: AnswerSize } = {
      ...batch,
      size,
      loaders: createLoaders(batch),
      paging,
      caller,
      customerEvents,
      references,
      allowance: () => rateLimit.allowance(client, patience),
      hides,
      writer: createWriter({
        client: db.client,
        owned,
        queue: db.writes,
        caller: client,
        timeoutMs: limits.requestMs,
        metrics,
        actor: caller.subject,
        agent: caller.owner === undefined ? undefined : BigInt(caller.owner),
        hides,
        signal,
        async settled(changes) {
          await cache?.invalidate([...changes.tags]);
          // After invalidating, so that a client that queries again does not get a stale response. Not awaited.
          customerEvents.changed(changes.customers);
          context.loaders = createLoaders(batch);
        },
      }),
    };
    return context;
  };
}
