import { setTimeout as sleep } from 'node:timers/promises';
import { errorCodes } from './errors.ts';
import { SERVER_ERRORS } from './server-errors.ts';

/** How often a transaction is tried in all when it conflicts with others. */
export const MAX_TRIES = 5;

// By number (Galera uses the one of a deadlock for its conflicts, Group Replication that of a rollback during COMMIT), by
// SQLSTATE, and by Prisma's names for them.
const CONFLICTS: Readonly<Record<string | number, 'conflict' | 'lock wait'>> = {
  [SERVER_ERRORS.LOCK_DEADLOCK]: 'conflict',
  [SERVER_ERRORS.TRANSACTION_ROLLBACK_DURING_COMMIT]: 'conflict',
  '40001': 'conflict',
  P2034: 'conflict',
  TransactionWriteConflict: 'conflict',
  [SERVER_ERRORS.LOCK_WAIT_TIMEOUT]: 'lock wait',
};

/**
 * How a transaction conflicted with others: `conflict` for a deadlock, or on a cluster a conflict found at COMMIT; `lock wait`
 * for a lock that it did not get in time. Undefined for any other error, which a retry would not get around.
 */
export function conflictOf(error: unknown): 'conflict' | 'lock wait' | undefined {
  if (!Error.isError(error)) return undefined;
  for (const code of errorCodes(error)) {
    const conflict = typeof code === 'string' || typeof code === 'number' ? CONFLICTS[code] : undefined;
    if (conflict !== undefined) return conflict;
  }
  return undefined;
}

/** Pauses before the next try: at random, so that the transactions do not collide again, and longer after each one. */
export async function pauseAfter(tries: number): Promise<void> {
  await sleep(Math.random() * 10 * 2 ** tries);
}

/**
 * Runs a write, and again after each conflict with others, up to five times in all. So it must have no side effects that it
 * cannot repeat, and leave no transaction open.
 */
export async function retryingConflicts<Result>(write: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await write();
    } catch (error) {
      if (conflictOf(error) === undefined || tries === MAX_TRIES) throw error;
      await pauseAfter(tries);
    }
  }
}
