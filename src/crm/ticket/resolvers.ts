import { connectionResolvers, createConnection, type ConnectionArgs } from '../../relay/connection.ts';
import type { ListLoaders } from '../../batch/lists.ts';
import type { Resolvers, TicketFilter, TicketOrder } from '../../generated/graphql.ts';
import type { Context } from '../context.ts';
import { sortBy } from '../filters.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { customerOf } from '../relations.ts';
import { readKey } from '../text.ts';
import type { TicketPayload } from './commands.ts';
import { ticketConditions } from './lists.ts';
import { tickets, type TicketRow } from './table.ts';

const ticketPayload = {
  ticket: ({ ticketId }: TicketPayload, _: unknown, { loaders }: Context) =>
    ticketId === null ? null : loaders.ticketById.load(ticketId),
};

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
  OpenTicketPayload: ticketPayload,
  UpdateTicketPayload: ticketPayload,
} satisfies Resolvers;

interface TicketListArgs extends ConnectionArgs {
  readonly filter?: TicketFilter | null | undefined;
  readonly orderBy?: TicketOrder | null | undefined;
}

function ticketList(
  { paging }: Context,
  loaders: ListLoaders<TicketRow>,
  { parent, args: { filter, orderBy, ...args } }: { parent: string | null; args: TicketListArgs },
) {
  return createConnection(
    loaders,
    { parent, conditions: ticketConditions(filter), sort: sortBy(tickets, orderBy) },
    { args, paging },
  );
}
