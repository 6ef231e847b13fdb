import {
  dateTime,
  decimal,
  defineChildTable,
  defineTable,
  id,
  int,
  oneOf,
  text,
  type RowOf,
} from '../../batch/table.ts';
import type { Connection, Edge } from '../../relay/connection.ts';
import type { OrderOrderField, OrderStatus } from '../../generated/graphql.ts';
import { reference } from '../relations.ts';

export const orders = defineTable({
  type: 'Order',
  name: 'orders',
  customerColumn: 'customerId',
  columns: {
    id: id('id'),
    number: text('number'),
    customerId: reference('customer_id', 'Customer'),
    status: oneOf<OrderStatus>('status'),
    currency: text('currency'),
    // Not `total`, which is the GraphQL field and an object.
    amount: decimal('total'),
    placedAt: dateTime('placed_at'),
    updatedAt: dateTime('updated_at'),
    version: int('version'),
  },
  fields: { customer: ['customerId'], items: ['currency'], total: ['amount', 'currency'] },
  sorts: {
    columns: { PLACED_AT: 'placedAt', UPDATED_AT: 'updatedAt' } as const satisfies Record<OrderOrderField, string>,
    byDefault: { field: 'PLACED_AT', direction: 'DESC' },
  },
  indexes: [
    ['placedAt'],
    ['updatedAt'],
    ['status', 'placedAt'],
    ['status', 'updatedAt'],
    ['customerId', 'placedAt'],
    ['customerId', 'updatedAt'],
    ['customerId', 'status', 'placedAt'],
    ['customerId', 'status', 'updatedAt'],
  ],
  uniques: ['number'],
  listedBy: ['status'],
});

export type OrderRow = RowOf<typeof orders.columns>;
export type OrderConnection = Connection<OrderRow>;
export type OrderEdge = Edge<OrderRow>;

/** The most items that an order may have. */
export const MAX_ITEMS = 200;

export const orderItems = defineChildTable({
  field: 'Order.items',
  name: 'order_items',
  of: orders,
  columns: {
    orderId: reference('order_id', 'Order'),
    position: int('position'),
    productId: reference('product_id', 'Product'),
    quantity: int('quantity'),
    price: decimal('unit_price'),
    discount: decimal('discount'),
    amount: decimal('total'),
  },
  parent: 'orderId',
  sort: 'position',
  maxRows: MAX_ITEMS,
});

/** An item of an order, together with the order's currency. */
export type OrderItemRow = RowOf<typeof orderItems.columns> & { readonly currency: string };
