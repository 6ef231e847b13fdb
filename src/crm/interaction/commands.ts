import { valueTags } from '../../batch/tags.ts';
import type { Transaction } from '../../db/transaction.ts';
import type { LogInteractionInput } from '../../generated/graphql.ts';
import { assertAgentExists, assertMayName } from '../agents.ts';
import { recordChange } from '../changes.ts';
import { defineCommand, type Payload } from '../command.ts';
import { parseId, parseOptionalId, parsePastDateTime } from '../input.ts';
import { findCustomer, lockCustomer } from '../lock.ts';
import { parseText } from '../text.ts';
import { refuse } from '../user-errors.ts';
import { INTERACTION_LENGTHS } from './lengths.ts';
import { interactions } from './table.ts';

/** The parent value of the payload's resolvers. */
export type LogInteractionPayload = Payload<{ readonly interactionId: string }>;

/** Records an interaction with a customer, optionally about one of the customer's tickets and by an agent. */
export const logInteraction = defineCommand({
  parse: (input: LogInteractionInput, problems) => ({
    customerId: parseId('Customer', input.customerId, { path: ['customerId'], problems }),
    ticketId: parseOptionalId('Ticket', input.ticketId, { path: ['ticketId'], problems }),
    agentId: parseOptionalId('Agent', input.agentId, { path: ['agentId'], problems }),
    kind: input.kind,
    body:
      parseText(input.body, { path: ['body'], maxLength: INTERACTION_LENGTHS.body, problems, isManyLines: true }) ?? '',
    occurredAt: parsePastDateTime(input.occurredAt, { path: ['occurredAt'], problems }),
  }),
  locks: ({ customerId }) => ['Customer', customerId],
  checks: (transaction, { customerId, ticketId, agentId }) => [
    async () => assertTicketOf(transaction, (await findCustomer(transaction, customerId))?.id, ticketId),
    () => assertAgentExists(transaction, 'agentId', agentId),
  ],
  async run(write, { customerId: given, ticketId, agentId, kind, body, occurredAt: wanted }) {
    const { transaction } = write;
    // Locked until the end, so that the customer cannot be deleted meanwhile.
    const { id: customerId } = await lockCustomer(write, { id: given, path: ['customerId'] });
    const occurredAt = wanted ?? write.now;
    await assertTicketOf(transaction, customerId, ticketId);
    await assertMayName(write, 'agentId', agentId);
    const row = await transaction.interaction.create({
      data: { customerId, ticketId, agentId, kind, body, occurredAt },
      select: { id: true },
    });
    await recordChange(write, {
      customerId,
      subject: { type: 'Interaction', id: row.id },
      version: 1,
      action: 'CREATED',
      // The body is left out: it stays in the interaction, which never changes.
      before: {},
      after: { kind, ticketId, agentId, occurredAt },
      values: valueTags(interactions, { ticketId }),
    });
    return { interactionId: String(row.id) };
  },
  refused: () => ({ interactionId: null }),
});

/** Refuses a ticket that is not the customer's; of a customer that does not exist, one that does not exist either. */
async function assertTicketOf(transaction: Transaction, customerId: bigint | undefined, ticketId: bigint | null) {
  if (ticketId === null) return;
  const ticket = await transaction.ticket.findUnique({ where: { id: ticketId }, select: { customerId: true } });
  if (ticket === null || (customerId !== undefined && ticket.customerId !== customerId))
    refuse('NOT_FOUND', ['ticketId'], 'There is no such ticket for this customer.');
}
