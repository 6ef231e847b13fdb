import { quoted } from '../../errors.ts';
import type { LogInteractionInput, UserError } from '../../generated/graphql.ts';
import type { Writer } from '../context.ts';
import { parseGlobalId, type NodeType, withArticle } from '../global-id.ts';
import { payload, Problems, refuse } from '../user-errors.ts';

/** What a command gives its payload's resolvers. */
export interface InteractionPayload {
  readonly interactionId: string | null;
  readonly userErrors: UserError[];
}

const MOST_CHARACTERS = 10_000;

/** Records a contact with a customer, about one of the customer's tickets or none, by an agent or nobody. */
export function logInteraction(writer: Writer, input: LogInteractionInput) {
  return payload({ interactionId: null }, async () => {
    const problems = new Problems();
    const customerId = idOf('Customer', input.customerId, { path: 'customerId', problems });
    const ticketId = isGiven(input.ticketId) ? idOf('Ticket', input.ticketId, { path: 'ticketId', problems }) : null;
    const agentId = isGiven(input.agentId) ? idOf('Agent', input.agentId, { path: 'agentId', problems }) : null;
    const body = input.body.trim();
    const length = [...body].length;
    const isText = body.isWellFormed() && !body.includes('\0');
    if (length < 1 || length > MOST_CHARACTERS || !isText) {
      const came = isText ? String(length) : 'ones that are not text';
      problems.add('INVALID_INPUT', ['body'], `Expected 1 to ${MOST_CHARACTERS} characters, got ${came}.`);
    }
    problems.refuse();
    return writer.transaction(['Interaction'], async (transaction) => {
      // Held until the end, so that the customer cannot be deleted meanwhile.
      const rows = await transaction.$queryRaw<unknown[]>`SELECT id FROM customers WHERE id = ${customerId} FOR UPDATE`;
      if (rows.length === 0) refuse('NOT_FOUND', ['customerId'], 'There is no such customer.');
      if (ticketId !== null) {
        const ticket = await transaction.ticket.findUnique({ where: { id: ticketId }, select: { customerId: true } });
        if (ticket?.customerId !== customerId)
          refuse('NOT_FOUND', ['ticketId'], 'There is no such ticket of this customer.');
      }
      if (agentId !== null) {
        const agent = await transaction.agent.findUnique({ where: { id: agentId }, select: { id: true } });
        if (agent === null) refuse('NOT_FOUND', ['agentId'], 'There is no such agent.');
      }
      const occurredAt = input.occurredAt ? new Date(input.occurredAt) : new Date();
      const row = await transaction.interaction.create({
        data: { customerId, ticketId, agentId, kind: input.kind, body, occurredAt },
        select: { id: true },
      });
      return { interactionId: String(row.id) };
    });
  });
}

const isGiven = (value: string | null | undefined): value is string => value !== null && value !== undefined;

function idOf(type: NodeType, given: string, { path, problems }: { path: string; problems: Problems }): bigint {
  const parsed = parseGlobalId(given);
  if (parsed?.type === type) return BigInt(parsed.id);
  problems.add('NOT_FOUND', [path], `Expected the id of ${withArticle(type)}, got ${quoted(given)}.`);
  return 0n;
}
