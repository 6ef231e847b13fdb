import type DataLoader from 'dataloader';
import {
  createChildrenLoader,
  createListLoaders,
  createRowLoader,
  type BatchContext,
  type ListLoaders,
} from '../../batch/loaders.ts';
import type { RowOf } from '../../batch/table.ts';
import { itemColumns, orders, type OrderRow } from './table.ts';

/** The most items that an order may have. */
export const MAX_ITEMS = 200;

export interface OrderLoaders {
  readonly orderById: DataLoader<string, OrderRow | null>;
  readonly orderByNumber: DataLoader<string, OrderRow | null>;
  readonly orders: ListLoaders<OrderRow>;
  readonly ordersByCustomer: ListLoaders<OrderRow>;
  readonly itemsByOrder: DataLoader<string, readonly RowOf<typeof itemColumns>[]>;
}

declare module '../context.ts' {
  interface Loaders extends OrderLoaders {}
}

/** The loaders of orders and their items. */
export function createOrderLoaders(context: BatchContext): OrderLoaders {
  return {
    orderById: createRowLoader(context, orders),
    orderByNumber: createRowLoader(context, orders, 'number'),
    orders: createListLoaders(context, { name: 'Query.orders', table: orders, parent: undefined }),
    ordersByCustomer: createListLoaders(context, { name: 'Customer.orders', table: orders, parent: 'customerId' }),
    itemsByOrder: createChildrenLoader(context, {
      name: 'Order.items',
      table: 'order_items',
      columns: itemColumns,
      parent: 'orderId',
      sort: 'position',
      most: MAX_ITEMS,
    }),
  };
}
