import type { Transaction } from '../db/transaction.ts';
import { isGiven, type Maybe } from '../given.ts';
import { refuse } from './user-errors.ts';

/** Refuses a nonexistent agent with NOT_FOUND at the input's `field`. Null and undefined mean no agent. */
export async function assertAgentExists(transaction: Transaction, field: string, id: Maybe<bigint>): Promise<void> {
  if (!isGiven(id)) return;
  const agent = await transaction.agent.findUnique({ where: { id }, select: { id: true } });
  if (agent === null) refuse('NOT_FOUND', [field], 'There is no such agent.');
}
