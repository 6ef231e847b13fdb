import { childLoader } from '../../batch/children.ts';
import { listLoaders } from '../../batch/lists.ts';
import { rowLoader } from '../../batch/row-loader.ts';
import type { LoadersOf } from '../define-type.ts';
import { orderItems, orders } from './table.ts';

/** The factories of the loaders of orders and their items. */
export const orderLoaders = {
  orderById: rowLoader(orders),
  orderByNumber: rowLoader(orders, 'number'),
  orders: listLoaders('Query.orders', orders),
  ordersByCustomer: listLoaders('Customer.orders', orders, 'customerId'),
  itemsByOrder: childLoader(orderItems),
};

declare module '../context.ts' {
  interface Loaders extends LoadersOf<typeof orderLoaders> {}
}
