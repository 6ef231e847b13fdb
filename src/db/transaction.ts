import { setTimeout as sleep } from 'node:timers/promises';
import { exposedCode } from '../errors.ts';
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { errorFacts, toGatewayError } from './errors.ts';

/** Prisma Client inside a transaction. */
export type Transaction = Prisma.TransactionClient;

export interface TransactionOptions {
  readonly client: PrismaClient;
  /** For the command and all its tries together. */
  readonly timeoutMs: number;
  /** Whether the command finds out by itself what it did before: then it is run again after a lost connection too. */
  readonly isRepeatable: boolean;
  readonly metrics: Pick<Metrics, 'transactionRetries'>;
}

const MOST_TRIES = 5;
// Longer than the pool waits for a connection, so that it is the pool that says why there is none.
const MAX_WAIT_MS = 3_000;
// A database that is away stays away for longer than a caller waits; one that was cut off is there at once.
const MOST_LOST = 2;

/**
 * Runs a command in one transaction; a thrown error undoes all of it. A deadlock, a wait for a lock that took too long,
 * and on a cluster a conflict found at COMMIT, undo it too: the command is then run again from its beginning, up to five
 * times in all, after a pause at random. So it must do nothing but write to the database.
 */
export async function runTransaction<Result>(
  { client, timeoutMs, isRepeatable, metrics }: TransactionOptions,
  command: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  const deadline = performance.now() + timeoutMs;
  let lost = 0;
  for (let tries = 1; ; tries += 1) {
    try {
      const timeout = Math.max(1, Math.ceil(deadline - performance.now()));
      return await client.$transaction(command, { timeout, maxWait: MAX_WAIT_MS, isolationLevel: 'ReadCommitted' });
    } catch (error) {
      const reason = retryReason(error);
      if (reason === 'lost') lost += 1;
      const isFinal = reason === undefined || (reason === 'lost' && (!isRepeatable || lost === MOST_LOST));
      if (isFinal || tries === MOST_TRIES || performance.now() >= deadline) throw error;
      metrics.transactionRetries.inc({ reason });
      // Those that met must not meet again.
      await sleep(Math.random() * 10 * 2 ** tries);
    }
  }
}

// By number (ER_LOCK_DEADLOCK, which is also Galera's conflict; ER_LOCK_WAIT_TIMEOUT; Group Replication's
// ER_TRANSACTION_ROLLBACK_DURING_COMMIT), by SQLSTATE, and by the names that Prisma has for them.
const CONFLICTS: Readonly<Record<string | number, string>> = {
  1213: 'conflict',
  3101: 'conflict',
  '40001': 'conflict',
  P2034: 'conflict',
  TransactionWriteConflict: 'conflict',
  1205: 'lock wait',
};

/** Why a transaction is worth another try; undefined when it is not. */
function retryReason(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  for (const fact of errorFacts(error)) {
    const reason = typeof fact === 'string' || typeof fact === 'number' ? CONFLICTS[fact] : undefined;
    if (reason !== undefined) return reason;
  }
  return exposedCode(toGatewayError(error)) === 'SERVICE_UNAVAILABLE' ? 'lost' : undefined;
}

/** The unique index that a write ran into, such as `customers_email_key`; undefined for any other error. */
export function violatedIndex(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'P2002') return undefined;
  return /\w+_key/.exec(JSON.stringify('meta' in error ? error.meta : error.message))?.[0] ?? 'unknown';
}
