import type { Transaction } from '../db/transaction.ts';
import { isGiven, type Maybe } from '../given.ts';
import { refuse } from './user-errors.ts';
import type { Write } from './writer.ts';

/** Refuses a nonexistent agent with NOT_FOUND at the input's `field`. Null and undefined mean no agent. */
export async function assertAgentExists(transaction: Transaction, field: string, id: Maybe<bigint>): Promise<void> {
  if (!isGiven(id)) return;
  const agent = await transaction.agent.findUnique({ where: { id }, select: { id: true } });
  if (agent === null) refuse('NOT_FOUND', [field], 'There is no such agent.');
}

/** Refuses an owner of a customer (INVALID_INPUT) that is not the agent whose customers are the only ones that the caller may write. */
export function assertMayOwn({ agent }: Pick<Write, 'agent'>, ownerId: Maybe<bigint>): void {
  if (agent !== undefined && ownerId !== agent)
    refuse(
      'INVALID_INPUT',
      ['ownerId'],
      'Expected the agent whose customers the token is for, got another one, or none.',
    );
}
