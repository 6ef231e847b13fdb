import type { Prisma, PrismaClient } from '../generated/prisma/client.ts';

/** Prisma Client inside a transaction. */
export type Transaction = Prisma.TransactionClient;

/** Runs a command in one transaction, at most `timeoutMs` long; a thrown error undoes all of it. */
export function runTransaction<Result>(
  client: PrismaClient,
  timeoutMs: number,
  command: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return client.$transaction(command, { timeout: timeoutMs, maxWait: 2_000, isolationLevel: 'ReadCommitted' });
}

/** The unique index that a write ran into, such as `customers_email_key`; undefined for any other error. */
export function violatedIndex(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'P2002') return undefined;
  return /\w+_key/.exec(JSON.stringify('meta' in error ? error.meta : error.message))?.[0] ?? 'unknown';
}
