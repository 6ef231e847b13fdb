import { connectionResolvers } from '../../relay/connection.ts';
import type { Resolvers } from '../../generated/graphql.ts';
import { connectionOf } from '../connections.ts';
import { isEqual } from '../filters.ts';
import { globalId } from '../global-id.ts';
import { customerOf } from '../relations.ts';
import { interactions } from './table.ts';

export const interactionResolvers = {
  Customer: {
    interactions: (customer, { kind, ...args }, { loaders, paging }) =>
      connectionOf(
        loaders.interactionsByCustomer,
        { parent: customer.id, conditions: isEqual('kind', kind), args },
        paging,
      ),
  },
  Ticket: {
    interactions: (ticket, args, { loaders, paging }) =>
      connectionOf(loaders.interactionsByTicket, { parent: ticket.id, args }, paging),
  },
  Interaction: {
    id: (interaction) => globalId('Interaction', interaction.id),
    customer: (interaction, _, { loaders }) => customerOf(interactions, interaction, loaders),
    ticket: (interaction, _, { loaders }) =>
      interaction.ticketId === null ? null : loaders.ticketById.load(interaction.ticketId),
    agent: (interaction, _, { loaders }) =>
      interaction.agentId === null ? null : loaders.agentById.load(interaction.agentId),
  },
  InteractionConnection: connectionResolvers,
  LogInteractionPayload: {
    interaction: ({ interactionId }, _, { loaders }) =>
      interactionId === null ? null : loaders.interactionById.load(interactionId),
  },
} satisfies Resolvers;
