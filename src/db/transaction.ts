import { setTimeout as sleep } from 'node:timers/promises';
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts';

/** Prisma Client inside a transaction. */
export type Transaction = Prisma.TransactionClient;

const MOST_TRIES = 5;

/**
 * Runs a command in one transaction, at most `timeoutMs` long; a thrown error undoes all of it. A deadlock, and on a
 * cluster a conflict found at COMMIT, undoes it too: the command is then run again from its beginning, up to five times
 * in all, so it must do nothing but write to the database.
 */
export async function runTransaction<Result>(
  client: PrismaClient,
  timeoutMs: number,
  command: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  const deadline = performance.now() + timeoutMs;
  for (let tries = 1; ; tries += 1) {
    try {
      const timeout = Math.max(1, Math.ceil(deadline - performance.now()));
      return await client.$transaction(command, { timeout, maxWait: 2_000, isolationLevel: 'ReadCommitted' });
    } catch (error) {
      if (tries === MOST_TRIES || !isConflict(error) || performance.now() >= deadline) throw error;
      // Those that met must not meet again.
      await sleep(Math.random() * 10 * 2 ** tries);
    }
  }
}

/** MySQL's error 1213, from a statement of Prisma's own, from a raw one, or from COMMIT. */
function isConflict(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, meta, cause } = error as { code?: unknown; meta?: { driverAdapterError?: Error }; cause?: unknown };
  const kinds = [cause, meta?.driverAdapterError?.cause].map(
    (reason) => (reason as { kind?: unknown } | undefined)?.kind,
  );
  return code === 'P2034' || kinds.includes('TransactionWriteConflict');
}

/** The unique index that a write ran into, such as `customers_email_key`; undefined for any other error. */
export function violatedIndex(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'P2002') return undefined;
  return /\w+_key/.exec(JSON.stringify('meta' in error ? error.meta : error.message))?.[0] ?? 'unknown';
}
