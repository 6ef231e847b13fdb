import { valueTags } from '../../batch/tags.ts';
import type { OpenTicketInput, TicketPriority, TicketStatus, UpdateTicketInput } from '../../generated/graphql.ts';
import type { Ticket } from '../../generated/prisma/client.ts';
import { isGiven } from '../../given.ts';
import { assertAgentExists, assertMayName } from '../agents.ts';
import { changedFields, recordChange } from '../changes.ts';
import { defineCommand, type Payload } from '../command.ts';
import { givenRow, parseId, parseOptionalId } from '../input.ts';
import { lockCustomer, lockOwned } from '../lock.ts';
import { writeNumbered } from '../numbers.ts';
import { parseOptionalText, parseText } from '../text.ts';
import { assertTransition } from '../transitions.ts';
import { refuseTaken, type Problems } from '../user-errors.ts';
import { countOpenTickets } from './count.ts';
import { TICKET_LENGTHS } from './lengths.ts';
import { isOpen } from '../states.ts';
import { TRANSITIONS } from './status.ts';
import { tickets } from './table.ts';

/** The parent value of the payloads' resolvers. */
export type TicketPayload = Payload<{ readonly ticketId: string }>;
export type OpenTicketPayload = TicketPayload;
export type UpdateTicketPayload = TicketPayload;

const NUMBER_INDEX = 'tickets_number_key';

/** Opens a ticket for a customer, with the given number or a generated one. */
export const openTicket = defineCommand({
  uniques: { [NUMBER_INDEX]: ['ticket', 'number'] },
  parse: (input: OpenTicketInput, problems) => ({
    customerId: parseId('Customer', input.customerId, { path: ['customerId'], problems }),
    number: parseOptionalText(input.number, { path: ['number'], maxLength: TICKET_LENGTHS.number, problems }),
    subject: parseSubject(input.subject, problems),
    priority: input.priority ?? 'NORMAL',
    assigneeId: parseOptionalId('Agent', input.assigneeId, { path: ['assigneeId'], problems }),
  }),
  locks: ({ customerId }) => ['Customer', customerId],
  checks: (transaction, { assigneeId, number }) => [
    () => assertAgentExists(transaction, 'assigneeId', assigneeId),
    async () => {
      if (number === null) return;
      const found = await transaction.ticket.findUnique({ where: { number }, select: { id: true } });
      if (found !== null) refuseTaken('ticket', 'number');
    },
  ],
  async run(write, { customerId: given, number: wanted, ...rest }) {
    const { id: customerId } = await lockCustomer(write, { id: given, path: ['customerId'] });
    const { transaction, now } = write;
    await assertMayName(write, 'assigneeId', rest.assigneeId);
    const data = { ...rest, customerId, openedAt: now, updatedAt: now };
    const numbering = { given: wanted, prefix: 'T', index: NUMBER_INDEX, now };
    const ticket = await writeNumbered(numbering, (unique) =>
      transaction.ticket.create({ data: { ...data, number: unique } }),
    );
    const { id, version, number, status } = ticket;
    await countOpenTickets(write, customerId, 1);
    await recordChange(write, {
      customerId,
      subject: { type: 'Ticket', id },
      version,
      action: 'CREATED',
      before: {},
      after: { number, status, ...rest },
      values: valueTags(tickets, ticket),
    });
    return { ticketId: String(id) };
  },
  refused: () => ({ ticketId: null }),
});

/**
 * Updates the given fields of a ticket, and its version if anything differs. If refused, the payload shows the current ticket.
 */
export const updateTicket = defineCommand({
  parse: (input: UpdateTicketInput, problems) => ({
    id: parseId('Ticket', input.id, { path: ['id'], problems }),
    expectedVersion: input.expectedVersion,
    values: parseTicketFields(input, problems),
  }),
  locks: ({ id }) => ['Ticket', id],
  async checks(transaction, { id, values }) {
    const row = await transaction.ticket.findUnique({ where: { id } });
    const { assigneeId } = row === null ? values : changedFields(row, values);
    return [() => assertAgentExists(transaction, 'assigneeId', assigneeId)];
  },
  async run(write, { id, expectedVersion, values }) {
    const { transaction } = write;
    const before = await lockOwned(write, {
      thing: 'ticket',
      find: () => transaction.ticket.findUnique({ where: { id } }),
      lock: () => transaction.$queryRaw`SELECT id FROM tickets WHERE id = ${id} FOR UPDATE`,
      expectedVersion,
    });
    const { customerId, version, status } = before;
    const given: TicketValues = { ...values, ...closing(before, values.status ?? status, write.now) };
    const changed = changedFields(before, given);
    if (Object.keys(changed).length === 0) return { ticketId: String(id) };
    await assertMayName(write, 'assigneeId', changed.assigneeId);
    const data = { ...changed, version: version + 1, updatedAt: write.now };
    const after = await transaction.ticket.update({ where: { id }, data });
    await countOpenTickets(write, customerId, Number(isOpen(after.status)) - Number(isOpen(status)));
    await recordChange(write, {
      customerId,
      subject: { type: 'Ticket', id },
      version: after.version,
      action: 'UPDATED',
      before,
      after: { ...changed },
      values: valueTags(tickets, before, after),
    });
    return { ticketId: String(id) };
  },
  refused: ({ id }) => ({ ticketId: givenRow('Ticket', id) }),
});

/** The fields of a ticket that can be changed. Fields that were not given are absent. */
interface TicketValues {
  subject?: string;
  status?: TicketStatus;
  priority?: TicketPriority;
  assigneeId?: bigint | null;
  closedAt?: Date | null;
}

function parseTicketFields(input: UpdateTicketInput, problems: Problems): TicketValues {
  const values: TicketValues = {};
  for (const field of ['subject', 'status', 'priority'] as const)
    if (input[field] === null) problems.add('INVALID_INPUT', [field], `Expected a ${field}, got null.`);
  if (isGiven(input.subject)) values.subject = parseSubject(input.subject, problems);
  if (isGiven(input.status)) values.status = input.status;
  if (isGiven(input.priority)) values.priority = input.priority;
  if (input.assigneeId !== undefined)
    values.assigneeId = parseOptionalId('Agent', input.assigneeId, { path: ['assigneeId'], problems });
  return values;
}

const parseSubject = (given: string, problems: Problems): string =>
  parseText(given, { path: ['subject'], maxLength: TICKET_LENGTHS.subject, problems }) ?? '';

/** The closing time after a change of state: the first one is kept until the ticket is reopened. */
function closing(before: Ticket, to: TicketStatus, now: Date): Pick<TicketValues, 'closedAt'> {
  const { status: from, closedAt } = before;
  if (from === to) return {};
  assertTransition(TRANSITIONS, from, to);
  if (isOpen(to)) return { closedAt: null };
  return { closedAt: isOpen(from) ? now : (closedAt ?? now) };
}
