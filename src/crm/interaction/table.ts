import { dateTime, defineTable, id, nullable, oneOf, text, type RowOf } from '../../batch/table.ts';
import type { Connection, Edge } from '../../relay/connection.ts';
import type { InteractionKind } from '../../generated/graphql.ts';
import { reference } from '../relations.ts';

export const interactions = defineTable({
  type: 'Interaction',
  name: 'interactions',
  customerColumn: 'customerId',
  columns: {
    id: id('id'),
    customerId: reference('customer_id', 'Customer'),
    ticketId: nullable(reference('ticket_id', 'Ticket')),
    agentId: nullable(reference('agent_id', 'Agent')),
    kind: oneOf<InteractionKind>('kind'),
    body: text('body'),
    occurredAt: dateTime('occurred_at'),
  },
  fields: { customer: ['customerId'], ticket: ['ticketId'], agent: ['agentId'] },
  sorts: { columns: { OCCURRED_AT: 'occurredAt' }, byDefault: { field: 'OCCURRED_AT', direction: 'DESC' } },
  indexes: [
    ['customerId', 'occurredAt'],
    ['customerId', 'kind', 'occurredAt'],
    ['ticketId', 'occurredAt'],
  ],
  uniques: [],
  listedBy: ['ticketId'],
});

export type InteractionRow = RowOf<typeof interactions.columns>;
export type InteractionConnection = Connection<InteractionRow>;
export type InteractionEdge = Edge<InteractionRow>;
