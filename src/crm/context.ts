import type { BatchContext } from '../batch/loaders.ts';
import type { RowId } from '../batch/table.ts';
import type { PageBounds } from '../connection/connection.ts';
import type { Writer } from './writer.ts';

/**
 * The loaders of every type, by name. Each type adds its own (`declare module`), so that relations go by name and no
 * type's folder imports another's.
 */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type
export interface Loaders {}

/**
 * What a subscription hears of: changes made through any gateway; for now not those made through others; or, where no
 * Redis connects the gateways, never those.
 */
export type StreamState = 'LIVE' | 'INTERRUPTED' | 'LOCAL';

/** Says that a subscription is to be run, and nothing of what is new: what it shows is read after the event. */
export interface StreamEvent {
  readonly state: StreamState;
  /** Has the event come again in a while, since what it is about could not be read. */
  retry(): void;
  /** No event comes after this one. */
  end(): void;
}

/** That a watched customer may have changed. */
export interface CustomerEvent extends StreamEvent {
  /** The row that was found for the customer; another than was asked for once it is merged. It is watched from now on. */
  found(customerId: RowId): void;
}

/** Who is told of changes to customers. */
export interface CustomerEvents {
  /** One event at once and one after each committed change, those not taken yet as one. `return` ends it. */
  watch(customerId: RowId): AsyncIterableIterator<CustomerEvent>;
}

/** What resolvers get. Lives for one request. */
export interface Context extends BatchContext {
  /** Made anew after each write, so that a mutation's answer shows what is there now. */
  readonly loaders: Loaders;
  readonly pageBounds: PageBounds;
  readonly caller: { readonly subject: string | null; readonly scopes: readonly string[] };
  readonly writer: Writer;
  readonly customerEvents: CustomerEvents;
}
