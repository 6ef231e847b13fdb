import type DataLoader from 'dataloader';
import {
  createChildrenLoader,
  createListLoaders,
  createRowLoader,
  type BatchContext,
  type ListLoaders,
} from '../../batch/loaders.ts';
import { createReferredLoaders, type ReferredLoaders } from '../../batch/referred-rows.ts';
import type { RowOf } from '../../batch/table.ts';
import {
  addressColumns,
  customerChanges,
  customers,
  customerStats,
  tagColumns,
  valueColumns,
  type AddressRow,
  type ChangeRow,
  type CustomerRow,
  type CustomerSummaryRow,
} from './table.ts';

/** The most tags or addresses that a customer may have. */
export const MAX_TAGS = 20;
export const MAX_ADDRESSES = 20;
/** More than ISO 4217 will ever have. */
export const MAX_CURRENCIES = 300;

export interface CustomerLoaders {
  readonly customerById: DataLoader<string, CustomerRow | null>;
  readonly customerByExternalId: DataLoader<string, CustomerRow | null>;
  readonly customerByEmail: DataLoader<string, CustomerRow | null>;
  /** By the id of a row that belongs to the customer; see `customerOf`. */
  readonly customerByChild: ReferredLoaders<CustomerRow>;
  readonly customers: ListLoaders<CustomerRow>;
  readonly customersByOwner: ListLoaders<CustomerRow>;
  readonly customerSearch: ListLoaders<CustomerRow>;
  readonly tagsByCustomer: DataLoader<string, readonly RowOf<typeof tagColumns>[]>;
  readonly addressesByCustomer: DataLoader<string, readonly AddressRow[]>;
  readonly summaryByCustomer: DataLoader<string, CustomerSummaryRow | null>;
  readonly valuesByCustomer: DataLoader<string, readonly RowOf<typeof valueColumns>[]>;
  readonly changesByCustomer: ListLoaders<ChangeRow>;
}

declare module '../context.ts' {
  interface Loaders extends CustomerLoaders {}
}

/** The loaders of customers and of what only customers have. */
export function createCustomerLoaders(context: BatchContext): CustomerLoaders {
  const list = (name: string, parent?: string) => createListLoaders(context, { name, table: customers, parent });
  return {
    customerById: createRowLoader(context, customers),
    customerByExternalId: createRowLoader(context, customers, 'externalId'),
    customerByEmail: createRowLoader(context, customers, 'email'),
    customerByChild: createReferredLoaders(context, customers, 'customerId'),
    customers: list('Query.customers'),
    customersByOwner: list('Agent.customers', 'ownerId'),
    customerSearch: list('Query.searchCustomers'),
    tagsByCustomer: createChildrenLoader(context, {
      name: 'Customer.tags',
      table: 'customer_tags',
      columns: tagColumns,
      parent: 'customerId',
      sort: 'tag',
      most: MAX_TAGS,
    }),
    addressesByCustomer: createChildrenLoader(context, {
      name: 'Customer.addresses',
      table: 'customer_addresses',
      columns: addressColumns,
      parent: 'customerId',
      sort: 'position',
      most: MAX_ADDRESSES,
    }),
    summaryByCustomer: createRowLoader(context, customerStats),
    valuesByCustomer: createChildrenLoader(context, {
      name: 'CustomerSummary.lifetimeValue',
      table: 'customer_values',
      columns: valueColumns,
      parent: 'customerId',
      sort: 'currency',
      most: MAX_CURRENCIES,
    }),
    changesByCustomer: createListLoaders(context, {
      name: 'Customer.changes',
      table: customerChanges,
      parent: 'customerId',
    }),
  };
}
