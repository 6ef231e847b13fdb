import { dateTime, decimal, defineTable, id, int, nullable, oneOf, text, type RowOf } from '../../batch/table.ts';
import type { Connection, Edge } from '../../relay/connection.ts';
import type { ChangeAction, CustomerStatus } from '../../generated/graphql.ts';
import type { NodeType } from '../global-id.ts';

export const customers = defineTable({
  type: 'Customer',
  name: 'customers',
  owner: 'id',
  columns: {
    id: id('id'),
    externalId: nullable(text('external_id')),
    name: text('name'),
    email: nullable(text('email')),
    phone: nullable(text('phone')),
    company: nullable(text('company')),
    status: oneOf<CustomerStatus>('status'),
    ownerId: nullable(id('owner_id')),
    createdAt: dateTime('created_at'),
    updatedAt: dateTime('updated_at'),
    version: int('version'),
  },
  fields: {
    owner: ['ownerId'],
    tags: [],
    addresses: [],
    orders: [],
    tickets: [],
    interactions: [],
    summary: [],
    changes: [],
  },
  indexes: [
    ['createdAt'],
    ['updatedAt'],
    ['name'],
    ['status', 'createdAt'],
    ['status', 'updatedAt'],
    ['status', 'name'],
    ['ownerId', 'createdAt'],
    ['ownerId', 'updatedAt'],
    ['ownerId', 'name'],
    ['ownerId', 'status', 'createdAt'],
    ['ownerId', 'status', 'updatedAt'],
    ['ownerId', 'status', 'name'],
    ['phone'],
    ['phone', 'createdAt'],
    ['phone', 'updatedAt'],
    ['phone', 'name'],
  ],
  uniques: ['externalId', 'email'],
  rare: ['phone'],
  // The ids of merged customers, but not their emails, which others may have taken since.
  former: { table: 'customer_merges', leadsTo: 'kept_id', keys: { id: 'merged_id', externalId: 'external_id' } },
});

export type CustomerRow = RowOf<typeof customers.columns>;
export type CustomerConnection = Connection<CustomerRow>;
export type CustomerEdge = Edge<CustomerRow>;

/** The side table of tags; it duplicates the customer's sort columns and owner. */
export const customerTags = { name: 'customer_tags', key: 'customer_id', label: 'tag', lead: 'ownerId' };

export const tagColumns = { customerId: id('customer_id'), tag: text('tag') };

export const addressColumns = {
  customerId: id('customer_id'),
  position: int('position'),
  label: nullable(text('label')),
  line1: text('line1'),
  line2: nullable(text('line2')),
  city: nullable(text('city')),
  region: nullable(text('region')),
  postalCode: nullable(text('postal_code')),
  country: nullable(text('country')),
};

export type AddressRow = RowOf<typeof addressColumns>;

export const customerStats = defineTable({
  type: 'CustomerSummary',
  name: 'customer_stats',
  owner: 'id',
  columns: {
    id: id('customer_id'),
    orderCount: int('order_count'),
    openTicketCount: int('open_ticket_count'),
    lastOrderAt: nullable(dateTime('last_order_at')),
  },
  fields: { lifetimeValue: [] },
  indexes: [],
  uniques: [],
});

export type CustomerSummaryRow = RowOf<typeof customerStats.columns>;

export const valueColumns = {
  customerId: id('customer_id'),
  currency: text('currency'),
  amount: decimal('amount'),
};

export const customerChanges = defineTable({
  type: 'Change',
  name: 'customer_changes',
  owner: 'customerId',
  columns: {
    id: id('id'),
    customerId: id('customer_id'),
    version: int('version'),
    action: oneOf<ChangeAction>('action'),
    actor: nullable(text('actor')),
    changes: text('changes'),
    occurredAt: dateTime('occurred_at'),
    subjectType: nullable(oneOf<NodeType>('subject_type')),
    subjectId: nullable(id('subject_id')),
  },
  fields: { fields: ['changes'], nodeId: ['customerId', 'subjectType', 'subjectId'] },
  indexes: [['customerId', 'occurredAt']],
  uniques: [],
});

export type ChangeRow = RowOf<typeof customerChanges.columns>;
export type ChangeConnection = Connection<ChangeRow>;
export type ChangeEdge = Edge<ChangeRow>;
