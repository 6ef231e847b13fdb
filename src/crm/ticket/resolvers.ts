import { connectionResolvers } from '../../relay/connection.ts';
import { connectionOf } from '../connections.ts';
import type { Context } from '../context.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { customerOf, loadOptional } from '../relations.ts';
import type { ResolversOf } from '../resolver-types.ts';
import { readKey } from '../text.ts';
import type { TicketPayload } from './commands.ts';
import { ticketConditions } from './filter.ts';
import { tickets } from './table.ts';

const ticketPayload = {
  ticket: ({ ticketId }: TicketPayload, _: unknown, { loaders }: Context) => loadOptional(loaders.ticketById, ticketId),
};

export const ticketResolvers = {
  Query: {
    ticket: (_, { by }, { loaders }) =>
      by.id === undefined
        ? loaders.ticketByNumber.load(readKey(by.number))
        : loaders.ticketById.load(rowIdOf('Ticket', by.id, 'by.id')),
    tickets: (_, { filter, ...args }, { loaders, paging }) =>
      connectionOf(loaders.tickets, { conditions: ticketConditions(filter), args }, paging),
  },
  Customer: {
    tickets: (customer, { filter, ...args }, { loaders, paging }) =>
      connectionOf(
        loaders.ticketsByCustomer,
        { parent: customer.id, conditions: ticketConditions(filter), args },
        paging,
      ),
  },
  Agent: {
    tickets: (agent, { filter, ...args }, { loaders, paging }) =>
      connectionOf(loaders.ticketsByAssignee, { parent: agent.id, conditions: ticketConditions(filter), args }, paging),
  },
  Ticket: {
    id: (ticket) => globalId('Ticket', ticket.id),
    customer: (ticket, _, { loaders }) => customerOf(tickets, ticket, loaders),
    assignee: (ticket, _, { loaders }) => loadOptional(loaders.agentById, ticket.assigneeId),
  },
  TicketConnection: connectionResolvers,
  OpenTicketPayload: ticketPayload,
  UpdateTicketPayload: ticketPayload,
} satisfies ResolversOf<'Ticket'>;
