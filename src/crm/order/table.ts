import { dateTime, decimal, defineTable, id, int, oneOf, text, type RowOf } from '../../batch/table.ts';
import type { Connection, Edge } from '../../relay/connection.ts';
import type { OrderStatus } from '../../generated/graphql.ts';

export const orders = defineTable({
  type: 'Order',
  name: 'orders',
  owner: 'customerId',
  columns: {
    id: id('id'),
    number: text('number'),
    customerId: id('customer_id'),
    status: oneOf<OrderStatus>('status'),
    currency: text('currency'),
    amount: decimal('total'),
    placedAt: dateTime('placed_at'),
    updatedAt: dateTime('updated_at'),
    version: int('version'),
  },
  fields: { customer: ['customerId'], items: ['currency'], total: ['amount', 'currency'] },
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
});

export type OrderRow = RowOf<typeof orders.columns>;
export type OrderConnection = Connection<OrderRow>;
export type OrderEdge = Edge<OrderRow>;

export const itemColumns = {
  orderId: id('order_id'),
  position: int('position'),
  productId: id('product_id'),
  quantity: int('quantity'),
  price: decimal('unit_price'),
  discount: decimal('discount'),
  amount: decimal('total'),
};

/** A line of an order, together with the order's currency. */
export type OrderItemRow = RowOf<typeof itemColumns> & { readonly currency: string };
