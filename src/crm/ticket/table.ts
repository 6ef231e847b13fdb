import { dateTime, defineTable, id, int, nullable, oneOf, text, type RowOf } from '../../batch/table.ts';
import type { Connection, Edge } from '../../relay/connection.ts';
import type { TicketOrderField, TicketPriority, TicketStatus } from '../../generated/graphql.ts';
import { reference } from '../relations.ts';

export const tickets = defineTable({
  type: 'Ticket',
  name: 'tickets',
  customerColumn: 'customerId',
  columns: {
    id: id('id'),
    number: text('number'),
    customerId: reference('customer_id', 'Customer'),
    assigneeId: nullable(reference('assignee_id', 'Agent')),
    subject: text('subject'),
    status: oneOf<TicketStatus>('status'),
    priority: oneOf<TicketPriority>('priority'),
    openedAt: dateTime('opened_at'),
    closedAt: nullable(dateTime('closed_at')),
    updatedAt: dateTime('updated_at'),
    version: int('version'),
  },
  fields: { customer: ['customerId'], assignee: ['assigneeId'] },
  sorts: {
    columns: { OPENED_AT: 'openedAt', UPDATED_AT: 'updatedAt', CLOSED_AT: 'closedAt' } as const satisfies Record<
      TicketOrderField,
      string
    >,
    byDefault: { field: 'OPENED_AT', direction: 'DESC' },
  },
  indexes: [
    ['openedAt'],
    ['updatedAt'],
    ['closedAt'],
    ['status', 'openedAt'],
    ['status', 'updatedAt'],
    ['priority', 'openedAt'],
    ['priority', 'updatedAt'],
    ['status', 'closedAt'],
    ['status', 'priority', 'openedAt'],
    ['status', 'priority', 'updatedAt'],
    ['status', 'priority', 'closedAt'],
    ['priority', 'closedAt'],
    ['customerId', 'openedAt'],
    ['customerId', 'updatedAt'],
    ['customerId', 'closedAt'],
    ['customerId', 'status', 'openedAt'],
    ['customerId', 'status', 'updatedAt'],
    ['customerId', 'priority', 'openedAt'],
    ['customerId', 'priority', 'updatedAt'],
    ['customerId', 'status', 'closedAt'],
    ['customerId', 'status', 'priority', 'openedAt'],
    ['customerId', 'status', 'priority', 'updatedAt'],
    ['customerId', 'status', 'priority', 'closedAt'],
    ['customerId', 'priority', 'closedAt'],
    ['assigneeId', 'openedAt'],
    ['assigneeId', 'updatedAt'],
    ['assigneeId', 'closedAt'],
    ['assigneeId', 'status', 'openedAt'],
    ['assigneeId', 'status', 'updatedAt'],
    ['assigneeId', 'priority', 'openedAt'],
    ['assigneeId', 'priority', 'updatedAt'],
    ['assigneeId', 'status', 'closedAt'],
    ['assigneeId', 'status', 'priority', 'openedAt'],
    ['assigneeId', 'status', 'priority', 'updatedAt'],
    ['assigneeId', 'status', 'priority', 'closedAt'],
    ['assigneeId', 'priority', 'closedAt'],
  ],
  uniques: ['number'],
  listedBy: ['status', 'priority', 'assigneeId'],
});

export type TicketRow = RowOf<typeof tickets.columns>;
export type TicketConnection = Connection<TicketRow>;
export type TicketEdge = Edge<TicketRow>;
