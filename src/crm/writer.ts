import type { ChildTable, RowId, Table } from '../batch/table.ts';
import { changedTags } from '../batch/tags.ts';
import type { WriteQueue, WriteTurn } from '../db/write-queue.ts';
import { runTransaction, type Transaction, type TransactionOptions } from '../db/transaction.ts';
import { createError, codeOf } from '../errors.ts';
import { toGatewayError } from '../db/errors.ts';
import type { Resolvers } from '../generated/graphql.ts';

/** What a write has changed. */
export interface Changes {
  /** The cache tags (`batch/tags.ts`) of what has changed: cached responses with one of them are stale. */
  readonly tags: ReadonlySet<string>;
  /** Row ids of the customers affected, for their subscriptions. */
  readonly customers: ReadonlySet<RowId>;
}

/** A table whose rows belong to customers, with the tables of what belongs to these rows. */
export interface OwnedTable {
  readonly table: Table;
  readonly children: readonly ChildTable[];
}

/** One attempt at a command: the transaction, who writes, and when. */
export interface Write {
  readonly transaction: Transaction;
  /** Null for an anonymous caller. */
  readonly actor: string | null;
  /** The agent whose customers are the only ones that may be written, with what belongs to them; undefined for all. */
  readonly agent: bigint | undefined;
  /** Whether the caller may not see a field, whichever type it belongs to. */
  readonly hides: (field: string) => boolean;
  /** The time of the write, used for all its rows. Locking a row advances it (`lock.ts`): read it afterwards. */
  now: Date;
  /** Collected while writing (`noteChange`), and passed on to the cache and subscriptions after the commit. */
  readonly changes: { readonly tags: Set<string>; readonly customers: Set<RowId> };
  /** The tables of all types whose rows belong to customers: deleting or merging customers affects them too. */
  readonly owned: readonly OwnedTable[];
}

/**
 * Notes that rows of a type that belong to a customer were written, deleted, or moved to or from it.
 * @param changed.values the `valueTags` of the rows, before and after; left out if they are not known
 */
export function noteChange(
  { changes }: Write,
  type: keyof Resolvers,
  { customerId, values }: { readonly customerId: bigint; readonly values?: readonly string[] | undefined },
): void {
  for (const tag of changedTags(type, String(customerId), values)) changes.tags.add(tag);
  changes.customers.add(String(customerId));
}

export interface Writer {
  /**
   * Runs a command in one transaction, which any thrown error rolls back. Resolves once it is committed, and no later request
   * can get a cached response that shows the state before it.
   * @param options.isIdempotent the command detects what an earlier attempt did (`TransactionOptions`)
   * @param options.row the row that it locks first
   * @throws SERVICE_UNAVAILABLE or TIMEOUT, saying so if the write may have been committed nevertheless
   */
  transaction<Result>(
    options: { readonly isIdempotent: boolean } & Pick<WriteTurn, 'row'>,
    command: (write: Write) => Promise<Result>,
  ): Promise<Result>;
  /** Counts a write that was answered with the stored outcome of an earlier one. */
  countReplayed(): void;
}

interface WriterOptions extends Pick<TransactionOptions, 'client'> {
  /** How long all writes of the request may take together. */
  readonly timeoutMs: number;
  readonly actor: string | null;
  readonly agent: bigint | undefined;
  readonly hides: Write['hides'];
  readonly owned: readonly OwnedTable[];
  /** Limits how many transactions run at the same time. */
  readonly queue: WriteQueue;
  /** Whose turn in the queue it is. */
  readonly caller: string;
  readonly metrics: TransactionOptions['metrics'] & { readonly replayedWrites: { inc(): void } };
  /** Once aborted, no transaction begins, none is committed, and no more statements are sent. */
  readonly signal: AbortSignal;
  /** Called after COMMIT, and after a failed one too, since it may have been committed before the connection was lost. */
  readonly settled: (changes: Changes) => Promise<void>;
}

/** Creates the writer for one request. */
export function createWriter(options: WriterOptions): Writer {
  const { client, metrics, actor, agent, hides, owned, queue, caller, signal, settled } = options;
  const deadline = performance.now() + options.timeoutMs;
  return {
    async transaction({ isIdempotent, row }, command) {
      // The other half of what is left is for the transaction itself.
      const waitMs = Math.max(0, deadline - performance.now()) / 2;
      // Apart for each agent, so that nobody waits for the writers of a customer that belongs to another.
      const turnRow = row === undefined || agent === undefined ? row : `${row} of ${agent}`;
      const end = await queue.enter({ client: caller, row: turnRow, waitMs, signal });
      // The current attempt, once only COMMIT is left of it.
      let complete: Write | undefined;
      // The last one that is committed, or may be: nothing that fails later changes what it did.
      let written: Write | undefined;
      const failed: TransactionOptions['failed'] = (isRolledBack) => {
        if (!isRolledBack) written = complete ?? written;
        complete = undefined;
      };
      try {
        const transactionOptions = { client, deadline, signal, isIdempotent, failed, metrics };
        const done = await runTransaction(transactionOptions, async (transaction) => {
          const changes = { tags: new Set<string>(), customers: new Set<RowId>() };
          const write = { transaction, actor, agent, hides, owned, now: new Date(), changes };
          const result = await command(write);
          // Nobody waits for it any more, or its caller was told that time is up: it is rolled back.
          signal.throwIfAborted();
          complete = write;
          return result;
        });
        written = complete;
        return done;
      } catch (error) {
        throw written === undefined ? error : unknownOutcome(error, isIdempotent);
      } finally {
        end();
        if (written !== undefined) await settled(written.changes);
      }
    },
    countReplayed: () => metrics.replayedWrites.inc(),
  };
}

/** After a failure later than the last statement, COMMIT may or may not have reached the server. */
function unknownOutcome(error: unknown, isIdempotent: boolean): unknown {
  const shown = toGatewayError(error);
  const code = codeOf(shown);
  if (code !== 'SERVICE_UNAVAILABLE' && code !== 'TIMEOUT') return error;
  const advice = isIdempotent
    ? 'Send it again with the same idempotencyKey to find out.'
    : 'Check before you send it again; with an idempotencyKey, you could send it again safely.';
  const message = `The connection to the database was lost during COMMIT, so the write may or may not be done. ${advice}`;
  return createError(code, message, Error.isError(error) ? { cause: error } : {});
}
