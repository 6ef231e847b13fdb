import { listLoaders } from '../../batch/lists.ts';
import { rowLoader } from '../../batch/loaders.ts';
import type { LoadersOf } from '../define-type.ts';
import { interactions } from './table.ts';

/** The loaders of interactions. */
export const interactionLoaders = {
  interactionById: rowLoader(interactions),
  interactionsByCustomer: listLoaders('Customer.interactions', interactions, 'customerId'),
  interactionsByTicket: listLoaders('Ticket.interactions', interactions, 'ticketId'),
};

declare module '../context.ts' {
  interface Loaders extends LoadersOf<typeof interactionLoaders> {}
}
