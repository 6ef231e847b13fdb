import type { Room } from '../db/room.ts';
import { runTransaction, type Transaction, type TransactionOptions } from '../db/transaction.ts';
import { createError, exposedCode } from '../errors.ts';
import { toGatewayError } from '../db/errors.ts';

/** A GraphQL type of which stored answers may be out of date after a write. */
export type ChangedType = 'Customer' | 'CustomerSummary' | 'Order' | 'Ticket' | 'Interaction' | 'Change';

/** One try of a command: the transaction, who writes, and when. */
export interface Write {
  readonly transaction: Transaction;
  /** Null for nobody in particular. */
  readonly actor: string | null;
  /** The moment of the write, for every row of it. */
  readonly now: Date;
  /** The customers of whom something was changed, by row id; told to subscribers once it is committed. */
  readonly changedCustomers: Set<string>;
}

/** What commands change: types, for stored answers, and customers, for subscriptions. */
export interface Changes {
  readonly types: readonly ChangedType[];
  readonly customers: readonly string[];
}

/** How commands write. */
export interface Writer {
  /**
   * Runs a command in one transaction; a thrown error undoes all of it. Resolves when the transaction is committed and
   * no later request can be answered from what was stored before it, for the types that it says it changes.
   * @param options.isRepeatable the command finds out by itself what it did before (`TransactionOptions`)
   * @throws SERVICE_UNAVAILABLE when the database was lost, saying so if the write may have been done all the same
   */
  transaction<Result>(
    options: { readonly types: readonly ChangedType[]; readonly isRepeatable: boolean },
    command: (write: Write) => Promise<Result>,
  ): Promise<Result>;
  /** A write was answered from what is known of an earlier one. */
  countRepeated(): void;
}

interface WriterOptions extends Omit<TransactionOptions, 'isRepeatable'> {
  readonly actor: string | null;
  /** Where each transaction takes a place. */
  readonly room: Room;
  readonly metrics: TransactionOptions['metrics'] & { readonly repeatedWrites: { inc(): void } };
  /** Throws when nobody waits for the answer any more. */
  readonly assertWanted: () => void;
  /** Called after COMMIT and, since a connection that was lost then may have committed, after its failure. */
  readonly settled: (changes: Changes) => Promise<void>;
}

/** Writes for one request. */
export function createWriter({ actor, room, assertWanted, settled, ...transactions }: WriterOptions): Writer {
  return {
    async transaction({ types, isRepeatable }, command) {
      assertWanted();
      // The other half of its time is for doing it.
      const leave = await room.enter(transactions.timeoutMs / 2);
      let written: Write | undefined;
      try {
        assertWanted();
        return await runTransaction({ ...transactions, isRepeatable }, async (transaction) => {
          const write = { transaction, actor, now: new Date(), changedCustomers: new Set<string>() };
          const result = await command(write);
          written = write;
          return result;
        });
      } catch (error) {
        throw written === undefined ? error : unknownOutcome(error, isRepeatable);
      } finally {
        leave();
        if (written !== undefined) await settled({ types, customers: [...written.changedCustomers] });
      }
    },
    countRepeated: () => transactions.metrics.repeatedWrites.inc(),
  };
}

/** A failure after the last statement: COMMIT may have reached the server or not. */
function unknownOutcome(error: unknown, isRepeatable: boolean): unknown {
  const shown = toGatewayError(error);
  const code = exposedCode(shown);
  if (code !== 'SERVICE_UNAVAILABLE' && code !== 'TIMEOUT') return error;
  const advice = isRepeatable
    ? 'Send it again with the same idempotencyKey to learn which.'
    : 'Look before you send it again; with an idempotencyKey it could be sent again safely.';
  const message = `The database was lost while the write was committed: it is done or not. ${advice}`;
  return createError(code, message, error instanceof Error ? { cause: error } : {});
}
