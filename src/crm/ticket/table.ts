import { dateTime, defineTable, id, nullable, oneOf, text, type RowOf } from '../../batch/table.ts';
import type { Connection, Edge } from '../../connection/connection.ts';
import type { TicketPriority, TicketStatus } from '../../generated/graphql.ts';

export const tickets = defineTable({
  type: 'Ticket',
  name: 'tickets',
  columns: {
    id: id('id'),
    number: text('number'),
    customerId: id('customer_id'),
    assigneeId: nullable(id('assignee_id')),
    subject: text('subject'),
    status: oneOf<TicketStatus>('status'),
    priority: oneOf<TicketPriority>('priority'),
    openedAt: dateTime('opened_at'),
    closedAt: nullable(dateTime('closed_at')),
    updatedAt: dateTime('updated_at'),
  },
  fields: { customer: ['customerId'], assignee: ['assigneeId'], interactions: [] },
  // Ordered by `closedAt`, tickets of one state or urgency are picked out while reading the list's own index.
  indexes: [
    ['openedAt'],
    ['updatedAt'],
    ['closedAt'],
    ['status', 'openedAt'],
    ['status', 'updatedAt'],
    ['priority', 'openedAt'],
    ['priority', 'updatedAt'],
    ['customerId', 'openedAt'],
    ['customerId', 'updatedAt'],
    ['customerId', 'closedAt'],
    ['customerId', 'status', 'openedAt'],
    ['customerId', 'status', 'updatedAt'],
    ['customerId', 'priority', 'openedAt'],
    ['customerId', 'priority', 'updatedAt'],
    ['assigneeId', 'openedAt'],
    ['assigneeId', 'updatedAt'],
    ['assigneeId', 'closedAt'],
    ['assigneeId', 'status', 'openedAt'],
    ['assigneeId', 'status', 'updatedAt'],
    ['assigneeId', 'priority', 'openedAt'],
    ['assigneeId', 'priority', 'updatedAt'],
  ],
  uniques: ['number'],
});

export type TicketRow = RowOf<typeof tickets.columns>;
export type TicketConnection = Connection<TicketRow>;
export type TicketEdge = Edge<TicketRow>;
