import { childLoader } from '../../batch/children.ts';
import { listLoaders } from '../../batch/lists.ts';
import { rowLoader } from '../../batch/row-loader.ts';
import { referencedLoaders } from '../../batch/referenced-rows.ts';
import type { LoadersOf } from '../define-type.ts';
import { searchLoaders } from './search/loader.ts';
import { addresses, customerChanges, customers, customerStats, tags, values } from './table.ts';

/** The factories of the loaders of customers and of what only customers have. */
export const customerLoaders = {
  customerById: rowLoader(customers),
  customerByExternalId: rowLoader(customers, 'externalId'),
  customerByEmail: rowLoader(customers, 'email'),
  /** By the id of a row that belongs to the customer; see `customerOf`. */
  customerByReferencingRow: referencedLoaders(customers, 'customerId'),
  customers: listLoaders('Query.customers', customers),
  customersByOwner: listLoaders('Agent.customers', customers, 'ownerId'),
  customerSearch: searchLoaders,
  tagsByCustomer: childLoader(tags),
  addressesByCustomer: childLoader(addresses),
  summaryByCustomer: rowLoader(customerStats),
  valuesByCustomer: childLoader(values),
  changesByCustomer: listLoaders('Customer.changes', customerChanges, 'customerId'),
};

declare module '../context.ts' {
  interface Loaders extends LoadersOf<typeof customerLoaders> {}
}
