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

const EXPECTED = 'Expected the agent whose customers the token is for';

/**
 * Refuses an agent that the caller may not name at the input's `field`: one that does not exist with NOT_FOUND, but if the caller may
 * write the customers of one agent alone, any other with INVALID_INPUT, whether it exists or not. Null and undefined mean no agent.
 */
export async function assertMayName(
  { transaction, agent }: Pick<Write, 'transaction' | 'agent'>,
  field: string,
  id: Maybe<bigint>,
): Promise<void> {
  if (agent !== undefined && isGiven(id) && id !== agent)
    refuse('INVALID_INPUT', [field], `${EXPECTED}, got another one.`);
  await assertAgentExists(transaction, field, id);
}

/** The same for a customer's owner, who cannot be nobody (INVALID_INPUT) if the caller may write the customers of one agent alone. */
export async function assertMayOwn(write: Pick<Write, 'transaction' | 'agent'>, ownerId: bigint | null): Promise<void> {
  if (write.agent !== undefined && ownerId === null) refuse('INVALID_INPUT', ['ownerId'], `${EXPECTED}, got none.`);
  await assertMayName(write, 'ownerId', ownerId);
}
