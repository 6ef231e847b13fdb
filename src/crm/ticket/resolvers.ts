import { connectionResolvers, createConnection, type ConnectionArgs } from '../../relay/connection.ts';
import type { ListLoaders } from '../../batch/loaders.ts';
import type { Resolvers, TicketFilter, TicketOrder } from '../../generated/graphql.ts';
import { runCommand } from '../command.ts';
import type { Context } from '../context.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { customerOf } from '../relations.ts';
import { readKey } from '../text.ts';
import { openTicket, updateTicket } from './commands.ts';
import { ticketConditions, ticketSort } from './lists.ts';
import { tickets, type TicketRow } from './table.ts';

export const ticketResolvers = {
  Query: {
    ticket: (_, { by }, { loaders }) =>
      by.id === undefined
        ? loaders.ticketByNumber.load(readKey(by.number))
        : loaders.ticketById.load(rowIdOf('Ticket', by.id, 'by.id')),
    tickets: (_, args, context) => ticketList(context, context.loaders.tickets, { parent: null, args }),
  },
  Customer: {
    tickets: (customer, args, context) =>
      ticketList(context, context.loaders.ticketsByCustomer, { parent: customer.id, args }),
  },
  Agent: {
    tickets: (agent, args, context) =>
      ticketList(context, context.loaders.ticketsByAssignee, { parent: agent.id, args }),
  },
  Ticket: {
    id: (ticket) => globalId('Ticket', ticket.id),
    customer: (ticket, _, { loaders }) => customerOf(tickets, ticket, loaders),
    assignee: (ticket, _, { loaders }) =>
      ticket.assigneeId === null ? null : loaders.agentById.load(ticket.assigneeId),
  },
  TicketConnection: connectionResolvers,
  Mutation: {
    openTicket: (_, { input }, { writer }) => runCommand(writer, openTicket, input),
    updateTicket: (_, { input }, { writer }) => runCommand(writer, updateTicket, input),
  },
  OpenTicketPayload: {
    ticket: ({ ticketId }, _, { loaders }) => (ticketId === null ? null : loaders.ticketById.load(ticketId)),
  },
  UpdateTicketPayload: {
    ticket: ({ ticketId }, _, { loaders }) => (ticketId === null ? null : loaders.ticketById.load(ticketId)),
  },
} satisfies Resolvers;

interface TicketListArgs extends ConnectionArgs {
  readonly filter?: TicketFilter | null | undefined;
  readonly orderBy?: TicketOrder | null | undefined;
}

function ticketList(
  { pageBounds }: Context,
  loaders: ListLoaders<TicketRow>,
  { parent, args: { filter, orderBy, ...args } }: { parent: string | null; args: TicketListArgs },
) {
  return createConnection(
    loaders,
    { parent, conditions: ticketConditions(filter), sort: ticketSort(orderBy) },
    { args, bounds: pageBounds },
  );
}
