import { dateTime, defineTable, id, nullable, oneOf, text, type RowOf } from '../../batch/table.ts';
import type { Connection, Edge } from '../../relay/connection.ts';
import type { InteractionKind } from '../../generated/graphql.ts';

export const interactions = defineTable({
  type: 'Interaction',
  name: 'interactions',
  owner: 'customerId',
  columns: {
    id: id('id'),
    customerId: id('customer_id'),
    ticketId: nullable(id('ticket_id')),
    agentId: nullable(id('agent_id')),
    kind: oneOf<InteractionKind>('kind'),
    body: text('body'),
    occurredAt: dateTime('occurred_at'),
  },
  fields: { customer: ['customerId'], ticket: ['ticketId'], agent: ['agentId'] },
  indexes: [
    ['customerId', 'occurredAt'],
    ['customerId', 'kind', 'occurredAt'],
    ['ticketId', 'occurredAt'],
  ],
  uniques: [],
});

export type InteractionRow = RowOf<typeof interactions.columns>;
export type InteractionConnection = Connection<InteractionRow>;
export type InteractionEdge = Edge<InteractionRow>;
