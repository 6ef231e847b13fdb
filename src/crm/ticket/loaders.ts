import { listLoaders } from '../../batch/lists.ts';
import { rowLoader } from '../../batch/row-loader.ts';
import type { LoadersOf } from '../define-type.ts';
import { tickets } from './table.ts';

/** The factories of the loaders of tickets. */
export const ticketLoaders = {
  ticketById: rowLoader(tickets),
  ticketByNumber: rowLoader(tickets, 'number'),
  tickets: listLoaders('Query.tickets', tickets),
  ticketsByCustomer: listLoaders('Customer.tickets', tickets, 'customerId'),
  ticketsByAssignee: listLoaders('Agent.tickets', tickets, 'assigneeId'),
};

declare module '../context.ts' {
  interface Loaders extends LoadersOf<typeof ticketLoaders> {}
}
