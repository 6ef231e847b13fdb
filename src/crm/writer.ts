import type { Room } from '../db/room.ts';
import { runTransaction, type Transaction, type TransactionOptions } from '../db/transaction.ts';
import { createError, codeOf } from '../errors.ts';
import { toGatewayError } from '../db/errors.ts';

/** A GraphQL type whose stored answers may be stale after a write. */
export type ChangedType = 'Customer' | 'CustomerSummary' | 'Order' | 'Ticket' | 'Interaction' | 'Change';

/** One attempt at a command: the transaction, who writes, and when. */
export interface Write {
  readonly transaction: Transaction;
  /** Null for an anonymous caller. */
  readonly actor: string | null;
  /** The time of the write, used for all its rows. */
  readonly now: Date;
  /** Row ids of the customers that the write affects; subscribers are told after the commit. */
  readonly changedCustomers: Set<string>;
}

/** What commands change: types, to invalidate stored answers, and customers, to notify subscriptions. */
export interface Changes {
  readonly types: readonly ChangedType[];
  readonly customers: readonly string[];
}

export interface Writer {
  /**
   * Runs a command in one transaction, which any thrown error rolls back. Resolves when it is committed and no later request
   * can get an older stored answer that involves the given types.
   * @param options.isRepeatable the command detects what an earlier attempt did (`TransactionOptions`)
   * @throws SERVICE_UNAVAILABLE when the connection is lost, saying so if the write may have been committed nevertheless
   */
  transaction<Result>(
    options: { readonly types: readonly ChangedType[]; readonly isRepeatable: boolean },
    command: (write: Write) => Promise<Result>,
  ): Promise<Result>;
  /** Counts a write that was answered with the stored outcome of an earlier one. */
  countRepeated(): void;
}

interface WriterOptions extends Omit<TransactionOptions, 'isRepeatable'> {
  readonly actor: string | null;
  /** Where each transaction takes a place. */
  readonly room: Room;
  readonly metrics: TransactionOptions['metrics'] & { readonly repeatedWrites: { inc(): void } };
  /** Once aborted, no transaction begins. */
  readonly signal: AbortSignal;
  /** Called after COMMIT, and after a failed one too, since it may have been committed before the connection was lost. */
  readonly settled: (changes: Changes) => Promise<void>;
}

/** Creates the writer for one request. */
export function createWriter({ actor, room, signal, settled, ...transactions }: WriterOptions): Writer {
  return {
    async transaction({ types, isRepeatable }, command) {
      // The other half of the time is for the transaction itself.
      const leave = await room.enter(transactions.timeoutMs / 2, signal);
      let written: Write | undefined;
      try {
        signal.throwIfAborted();
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

/** After a failure beyond the last statement, COMMIT may or may not have reached the server. */
function unknownOutcome(error: unknown, isRepeatable: boolean): unknown {
  const shown = toGatewayError(error);
  const code = codeOf(shown);
  if (code !== 'SERVICE_UNAVAILABLE' && code !== 'TIMEOUT') return error;
  const advice = isRepeatable
    ? 'Send it again with the same idempotencyKey to learn which.'
    : 'Look before you send it again; with an idempotencyKey it could be sent again safely.';
  const message = `The database was lost while the write was committed: it is done or not. ${advice}`;
  return createError(code, message, error instanceof Error ? { cause: error } : {});
}
