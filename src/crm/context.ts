import type { BatchContext } from '../batch/loaders.ts';
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
 * Which changes a subscription hears of: LIVE, those through any gateway; INTERRUPTED, currently only this gateway's; LOCAL,
 * always only this gateway's, since no Redis connects it to others.
 */
export type StreamState = 'LIVE' | 'INTERRUPTED' | 'LOCAL';

/** Tells a subscription to run, without saying what is new: it reads that after the event. */
export interface StreamEvent {
  readonly state: StreamState;
  /** Repeats the event after a delay, because what it is about could not be read. */
  retry(): void;
  /** Makes this the last event. */
  end(): void;
}

/** Says that a watched customer may have changed. */
export interface CustomerEvent extends StreamEvent {
  /**
   * Reports the row that was found for the customer, which differs from the requested one after a merge. It is then watched
   * too.
   */
  found(customerId: RowId): void;
}

/** The source of events about customers. */
export interface CustomerEvents {
  /** One event at once and one after each committed change; pending ones are merged into one. `return` ends it. */
  watch(customerId: RowId): AsyncIterableIterator<CustomerEvent>;
}

/** The context of resolvers. Lives for one request. */
export interface Context extends BatchContext {
  /** Recreated after each write, so that a mutation's answer shows the current rows. */
  readonly loaders: Loaders;
  readonly paging: Paging;
  readonly caller: { readonly subject: string | null; readonly scopes: readonly string[] };
  readonly writer: Writer;
  /** The types that fields in the record of changes refer to, by the field's name. */
  readonly references: ReadonlyMap<string, string>;
  readonly customerEvents: CustomerEvents;
}
