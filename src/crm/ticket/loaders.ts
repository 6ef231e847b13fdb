import type DataLoader from 'dataloader';
import { createListLoaders, createRowLoader, type BatchContext, type ListLoaders } from '../../batch/loaders.ts';
import { tickets, type TicketRow } from './table.ts';

export interface TicketLoaders {
  readonly ticketById: DataLoader<string, TicketRow | null>;
  readonly ticketByNumber: DataLoader<string, TicketRow | null>;
  readonly tickets: ListLoaders<TicketRow>;
  readonly ticketsByCustomer: ListLoaders<TicketRow>;
  readonly ticketsByAssignee: ListLoaders<TicketRow>;
}

declare module '../context.ts' {
  interface Loaders extends TicketLoaders {}
}

/** The loaders of tickets. */
export function createTicketLoaders(context: BatchContext): TicketLoaders {
  const list = (name: string, parent?: string) => createListLoaders(context, { name, table: tickets, parent });
  return {
    ticketById: createRowLoader(context, tickets),
    ticketByNumber: createRowLoader(context, tickets, 'number'),
    tickets: list('Query.tickets'),
    ticketsByCustomer: list('Customer.tickets', 'customerId'),
    ticketsByAssignee: list('Agent.tickets', 'assigneeId'),
  };
}
