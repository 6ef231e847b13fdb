import type { BatchContext } from '../batch/loader.ts';
import type { RowId } from '../batch/table.ts';
import type { Paging } from '../relay/connection.ts';
import type { Writer } from './writer.ts';

/**
 * The loaders of every type, by name. Each type adds its own (`declare module`), so that relations find loaders by name and no
 * type's folder imports another's.
 */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type
export interface Loaders {}

/**
 * Which changes a subscription is told about at once; it finds others within about ten seconds. LIVE: those made through any gateway.
 * INTERRUPTED: for now, only those made through this gateway. LOCAL: always only those made through this gateway, since no Redis
 * connects it to others.
 */
export type StreamState = 'LIVE' | 'INTERRUPTED' | 'LOCAL';

/** Makes a subscription execute its operation again. It carries no data: the new state is read from the database. */
export interface StreamEvent {
  readonly state: StreamState;
  /** Sends the event again after a delay, because the current state could not be read. */
  retry(): void;
  /** Ends the subscription after this event. */
  end(): void;
}

/** Says that a watched customer may have changed. */
export interface CustomerEvent extends StreamEvent {
  /** Reports which row was found for the customer. After a merge it is the kept customer's row, which is then watched too. */
  found(customerId: RowId): void;
}

/** The source of events about customers. */
export interface CustomerEvents {
  /** Yields one event at once and one after each committed change; unread events are merged into one. `return` ends it. */
  watch(customerId: RowId): AsyncIterableIterator<CustomerEvent>;
}

/** The context value of resolvers, created for each request. */
export interface Context extends BatchContext {
  /** Recreated after each write, so that a mutation's result shows the current rows. */
  readonly loaders: Loaders;
  readonly paging: Paging;
  readonly caller: { readonly subject: string | null; readonly scopes: readonly string[] };
  /** What the caller may still request in this minute; null when there is no limit. */
  allowance(): Promise<{ readonly limit: number; readonly remaining: number; readonly resetAt: string } | null>;
  readonly writer: Writer;
  /** For each field in the record of changes that holds an id, by name: the type that the id refers to. */
  readonly references: ReadonlyMap<string, string>;
  /** Whether the caller may not see the recorded values of a field, by its name. */
  hides(field: string): boolean;
  readonly customerEvents: CustomerEvents;
}
