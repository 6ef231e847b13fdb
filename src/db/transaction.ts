import { AsyncLocalStorage } from 'node:async_hooks';
import { codeOf, createError } from '../errors.ts';
import { Prisma, type PrismaClient } from '../generated/prisma/client.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { conflictOf, MAX_TRIES, pauseAfter } from './conflicts.ts';
import { toGatewayError } from './errors.ts';

/** Prisma Client inside a transaction. */
export type Transaction = Prisma.TransactionClient;

export interface TransactionOptions {
  readonly client: PrismaClient;
  /** When the command must be done, including all retries, by `performance.now()`. */
  readonly deadline: number;
  /** Once aborted, no more statements are sent, except for COMMIT and ROLLBACK, and nothing is retried. */
  readonly signal: AbortSignal;
  /** Whether the command detects what an earlier attempt did. If so, it is also retried after a lost connection. */
  readonly isIdempotent: boolean;
  /** Called after each attempt that failed: whether it was rolled back for certain, as after a conflict. */
  readonly failed: (isRolledBack: boolean) => void;
  readonly metrics: Pick<Metrics, 'transactionRetries'>;
}

type RetryReason = 'conflict' | 'lock wait' | 'lost';

// If the database is down, it is down for longer than a caller waits. If the connection was cut, one retry is enough.
const MAX_LOST = 2;

const CONFLICTED =
  'The write conflicted with other writes each time that it was tried, so nothing was written; try again.';

/** The signal of the transaction that a statement belongs to, which Prisma Client does not pass on. */
const currentSignal = new AsyncLocalStorage<AbortSignal>();

/** Throws the reason of the signal of the transaction that is running, if it has aborted. */
export const assertAwaited = (): void => currentSignal.getStore()?.throwIfAborted();

/**
 * Runs a command in one transaction (READ COMMITTED, by the session's settings), which any thrown error rolls back. After a
 * deadlock, a lock wait timeout, or on a cluster a conflict found at COMMIT, the command is retried from its beginning after a
 * random pause, up to five attempts in all. So it must have no side effects other than writes to the database.
 * @throws SERVICE_UNAVAILABLE when the last attempt was rolled back because of a conflict
 */
export async function runTransaction<Result>(
  { client, deadline, signal, isIdempotent, failed, metrics }: TransactionOptions,
  command: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  let lost = 0;
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      const timeout = Math.max(1, Math.ceil(deadline - performance.now()));
      // The pool gives up waiting for a connection earlier, and gives the reason.
      const options = { timeout, maxWait: timeout };
      return await currentSignal.run(signal, () => client.$transaction(command, options));
    } catch (error) {
      const reason = retryReason(error);
      failed(reason === 'conflict' || reason === 'lock wait');
      if (reason === 'lost') lost += 1;
      const isFinal = reason === undefined || (reason === 'lost' && (!isIdempotent || lost === MAX_LOST));
      if (isFinal || signal.aborted || tries === MAX_TRIES || performance.now() >= deadline)
        throw reason === 'conflict' ? createError('SERVICE_UNAVAILABLE', CONFLICTED, { cause: error }) : error;
      metrics.transactionRetries.inc({ reason });
      await pauseAfter(tries);
    }
  }
}

/** Why a transaction should be retried; undefined when it should not. */
function retryReason(error: unknown): RetryReason | undefined {
  return conflictOf(error) ?? (codeOf(toGatewayError(error)) === 'SERVICE_UNAVAILABLE' ? 'lost' : undefined);
}

/** What Prisma's adapter makes of the server's error 1062. Its types do not say so: `meta` is anything. */
interface UniqueMeta {
  readonly driverAdapterError?: { readonly cause?: { readonly constraint?: { readonly index?: string } } };
}

/**
 * The unique index that a write violated, such as `customers_email_key`; undefined for any other error. MariaDB's message has
 * the index's name, and MySQL's the table's before it, which the adapter takes off.
 */
export function violatedIndex(error: unknown): string | undefined {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== 'P2002') return undefined;
  return (error.meta as UniqueMeta | undefined)?.driverAdapterError?.cause?.constraint?.index;
}
