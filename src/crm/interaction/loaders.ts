import { listLoaders } from '../../batch/lists.ts';
import { rowLoader } from '../../batch/row-loader.ts';
import type { LoadersOf } from '../define-type.ts';
import { interactions } from './table.ts';

/** The factories of the loaders of interactions. */
export const interactionLoaders = {
  interactionById: rowLoader(interactions),
  interactionsByCustomer: listLoaders('Customer.interactions', interactions, 'customerId'),
  interactionsByTicket: listLoaders('Ticket.interactions', interactions, 'ticketId'),
};

declare module '../context.ts' {
  interface Loaders extends LoadersOf<typeof interactionLoaders> {}
}
