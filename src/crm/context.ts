import type { BatchContext } from '../batch/loaders.ts';
import type { PageBounds } from '../connection/connection.ts';
import type { Transaction } from '../db/transaction.ts';

/**
 * The loaders of every type, by name. Each type adds its own (`declare module`), so that relations go by name and no
 * type's folder imports another's.
 */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type
export interface Loaders {}

/** A GraphQL type of which stored answers may be out of date after a write. */
export type ChangedType = 'Customer' | 'Order' | 'Ticket' | 'Interaction' | 'Change';

/** How commands write. */
export interface Writer {
  /** Who writes, for the record of changes; null for nobody in particular. */
  readonly actor: string | null;
  /**
   * Runs a command in one transaction; a thrown error undoes all of it. Resolves when the transaction is committed and
   * no later request can be answered from what was stored before it, for the types that it says it changes.
   */
  transaction<Result>(
    changes: readonly ChangedType[],
    command: (transaction: Transaction) => Promise<Result>,
  ): Promise<Result>;
}

/** What resolvers get. Lives for one request. */
export interface Context extends BatchContext {
  /** Made anew after each write, so that a mutation's answer shows what is there now. */
  readonly loaders: Loaders;
  readonly pageBounds: PageBounds;
  readonly caller: { readonly subject: string | null; readonly scopes: readonly string[] };
  readonly writer: Writer;
}
