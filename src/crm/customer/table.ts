import {
  dateTime,
  decimal,
  defineChildTable,
  defineTable,
  id,
  int,
  nullable,
  oneOf,
  text,
  type RowOf,
} from '../../batch/table.ts';
import type { Connection, Edge } from '../../relay/connection.ts';
import type { ChangeAction, CustomerOrderField, CustomerStatus } from '../../generated/graphql.ts';
import type { NodeType } from '../global-id.ts';
import { reference } from '../relations.ts';

export const customers = defineTable({
  type: 'Customer',
  name: 'customers',
  customerColumn: 'id',
  columns: {
    id: id('id'),
    externalId: nullable(text('external_id')),
    name: text('name'),
    email: nullable(text('email')),
    phone: nullable(text('phone')),
    company: nullable(text('company')),
    status: oneOf<CustomerStatus>('status'),
    ownerId: nullable(reference('owner_id', 'Agent')),
    createdAt: dateTime('created_at'),
    updatedAt: dateTime('updated_at'),
    version: int('version'),
  },
  fields: {
    owner: ['ownerId'],
    tags: [],
    addresses: [],
    summary: [],
    changes: [],
  },
  sorts: {
    columns: { CREATED_AT: 'createdAt', UPDATED_AT: 'updatedAt', NAME: 'name' } as const satisfies Record<
      CustomerOrderField,
      string
    >,
    byDefault: { field: 'CREATED_AT', direction: 'DESC' },
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
  selective: ['phone'],
  listedBy: ['status', 'ownerId'],
  // Merged customers are found by id and external id, but not by email, which another customer may have taken since.
  redirects: { table: 'customer_merges', target: 'kept_id', keys: { id: 'merged_id', externalId: 'external_id' } },
});

export type CustomerRow = RowOf<typeof customers.columns>;
export type CustomerConnection = Connection<CustomerRow>;
export type CustomerEdge = Edge<CustomerRow>;

/** The index table of tags; it duplicates the customer's sort columns and owner. */
export const customerTags = { name: 'customer_tags', key: 'customer_id', valueColumn: 'tag', prefixColumn: 'ownerId' };

/** How many tags, and how many addresses, a customer may have. */
export const MAX_TAGS = 20;
export const MAX_ADDRESSES = 20;
/** More currencies than ISO 4217 will ever have. */
const MAX_CURRENCIES = 300;

export const tags = defineChildTable({
  field: 'Customer.tags',
  name: 'customer_tags',
  of: customers,
  columns: { customerId: id('customer_id'), tag: text('tag') },
  parent: 'customerId',
  sort: 'tag',
  maxRows: MAX_TAGS,
});

export const addresses = defineChildTable({
  field: 'Customer.addresses',
  name: 'customer_addresses',
  of: customers,
  columns: {
    customerId: id('customer_id'),
    position: int('position'),
    label: nullable(text('label')),
    line1: text('line1'),
    line2: nullable(text('line2')),
    city: nullable(text('city')),
    region: nullable(text('region')),
    postalCode: nullable(text('postal_code')),
    country: nullable(text('country')),
  },
  parent: 'customerId',
  sort: 'position',
  maxRows: MAX_ADDRESSES,
});

export type AddressRow = RowOf<typeof addresses.columns>;

export const customerStats = defineTable({
  type: 'CustomerSummary',
  name: 'customer_stats',
  customerColumn: 'id',
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

export const values = defineChildTable({
  field: 'CustomerSummary.lifetimeValue',
  name: 'customer_values',
  of: customerStats,
  columns: { customerId: id('customer_id'), currency: text('currency'), amount: decimal('amount') },
  parent: 'customerId',
  sort: 'currency',
  maxRows: MAX_CURRENCIES,
});

export const customerChanges = defineTable({
  type: 'Change',
  name: 'customer_changes',
  customerColumn: 'customerId',
  columns: {
    id: id('id'),
    customerId: reference('customer_id', 'Customer'),
    version: int('version'),
    action: oneOf<ChangeAction>('action'),
    actor: nullable(text('actor')),
    changes: text('changes'),
    occurredAt: dateTime('occurred_at'),
    subjectType: nullable(oneOf<NodeType>('subject_type')),
    subjectId: nullable(id('subject_id')),
  },
  fields: { fields: ['changes'], nodeId: ['customerId', 'subjectType', 'subjectId'] },
  sorts: { columns: { OCCURRED_AT: 'occurredAt' }, byDefault: { field: 'OCCURRED_AT', direction: 'DESC' } },
  indexes: [['customerId', 'occurredAt']],
  uniques: [],
});

export type ChangeRow = RowOf<typeof customerChanges.columns>;
export type ChangeConnection = Connection<ChangeRow>;
export type ChangeEdge = Edge<ChangeRow>;
