import { connectionResolvers } from '../../relay/connection.ts';
import { connectionOf } from '../connections.ts';
import { isEqual } from '../filters.ts';
import { globalId } from '../global-id.ts';
import { customerOf, loadOptional } from '../relations.ts';
import type { ResolversOf } from '../resolver-types.ts';
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
    ticket: (interaction, _, { loaders }) => loadOptional(loaders.ticketById, interaction.ticketId),
    agent: (interaction, _, { loaders }) => loadOptional(loaders.agentById, interaction.agentId),
  },
  InteractionConnection: connectionResolvers,
  LogInteractionPayload: {
    interaction: ({ interactionId }, _, { loaders }) => loadOptional(loaders.interactionById, interactionId),
  },
} satisfies ResolversOf<'Interaction'>;
