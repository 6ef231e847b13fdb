import { connectionResolvers } from '../../relay/connection.ts';
import { connectionOf } from '../connections.ts';
import type { Context } from '../context.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { money } from '../money.ts';
import { assertFound, customerOf, loadOptional } from '../relations.ts';
import type { ResolversOf } from '../resolver-types.ts';
import { readKey } from '../text.ts';
import type { OrderPayload } from './commands.ts';
import { orderConditions } from './filter.ts';
import { orders } from './table.ts';

const orderPayload = {
  order: ({ orderId }: OrderPayload, _: unknown, { loaders }: Context) => loadOptional(loaders.orderById, orderId),
};

export const orderResolvers = {
  Query: {
    order: (_, { by }, { loaders }) =>
      by.id === undefined
        ? loaders.orderByNumber.load(readKey(by.number))
        : loaders.orderById.load(rowIdOf('Order', by.id, 'by.id')),
    orders: (_, { filter, ...args }, { loaders, paging }) =>
      connectionOf(loaders.orders, { conditions: orderConditions(filter), args }, paging),
  },
  Customer: {
    orders: (customer, { filter, ...args }, { loaders, paging }) =>
      connectionOf(
        loaders.ordersByCustomer,
        { parent: customer.id, conditions: orderConditions(filter), args },
        paging,
      ),
  },
  Order: {
    id: (order) => globalId('Order', order.id),
    customer: (order, _, { loaders }) => customerOf(orders, order, loaders),
    items: async (order, _, { loaders }) => {
      const rows = await loaders.itemsByOrder.load(order);
      return rows.map((row) => ({ ...row, currency: order.currency }));
    },
    total: (order) => money(order.amount, order.currency),
  },
  OrderItem: {
    product: async (item, _, { loaders }) =>
      assertFound(await loaders.productById.load(item.productId), 'OrderItem.product'),
    unitPrice: (item) => money(item.price, item.currency),
    total: (item) => money(item.amount, item.currency),
  },
  OrderConnection: connectionResolvers,
  CreateOrderPayload: orderPayload,
  UpdateOrderStatusPayload: orderPayload,
} satisfies ResolversOf<'Order'>;
