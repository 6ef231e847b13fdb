import type DataLoader from 'dataloader';
import { createListLoaders, createRowLoader, type BatchContext, type ListLoaders } from '../../batch/loaders.ts';
import { interactions, type InteractionRow } from './table.ts';

export interface InteractionLoaders {
  readonly interactionById: DataLoader<string, InteractionRow | null>;
  readonly interactionsByCustomer: ListLoaders<InteractionRow>;
  readonly interactionsByTicket: ListLoaders<InteractionRow>;
}

declare module '../context.ts' {
  interface Loaders extends InteractionLoaders {}
}

/** The loaders of interactions. */
export function createInteractionLoaders(context: BatchContext): InteractionLoaders {
  const list = (name: string, parent: string) => createListLoaders(context, { name, table: interactions, parent });
  return {
    interactionById: createRowLoader(context, interactions),
    interactionsByCustomer: list('Customer.interactions', 'customerId'),
    interactionsByTicket: list('Ticket.interactions', 'ticketId'),
  };
}
