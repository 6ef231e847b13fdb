import { connectionResolvers, createConnection } from '../../relay/connection.ts';
import type { Resolvers } from '../../generated/graphql.ts';
import { runCommand } from '../command.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { money } from '../money.ts';
import { customerOf, found } from '../relations.ts';
import { readKey } from '../text.ts';
import { createOrder, updateOrderStatus } from './commands.ts';
import { orderConditions, orderSort } from './lists.ts';
import { orders } from './table.ts';

export const orderResolvers = {
  Query: {
    order: (_, { by }, { loaders }) =>
      by.id === undefined
        ? loaders.orderByNumber.load(readKey(by.number))
        : loaders.orderById.load(rowIdOf('Order', by.id, 'by.id')),
    orders: (_, { filter, orderBy, ...args }, { loaders, pageBounds }) =>
      createConnection(
        loaders.orders,
        { parent: null, conditions: orderConditions(filter), sort: orderSort(orderBy) },
        { args, bounds: pageBounds },
      ),
  },
  Customer: {
    orders: (customer, { filter, orderBy, ...args }, { loaders, pageBounds }) =>
      createConnection(
        loaders.ordersByCustomer,
        { parent: customer.id, conditions: orderConditions(filter), sort: orderSort(orderBy) },
        { args, bounds: pageBounds },
      ),
  },
  Order: {
    id: (order) => globalId('Order', order.id),
    customer: (order, _, { loaders }) => customerOf(orders, order, loaders),
    items: async (order, _, { loaders }) => {
      const rows = await loaders.itemsByOrder.load(order.id);
      return rows.map((row) => Object.assign(row, { currency: order.currency }));
    },
    total: (order) => money(order.amount, order.currency),
  },
  OrderItem: {
    product: async (item, _, { loaders }) => found(await loaders.productById.load(item.productId), 'OrderItem.product'),
    unitPrice: (item) => money(item.price, item.currency),
    total: (item) => money(item.amount, item.currency),
  },
  OrderConnection: connectionResolvers,
  Mutation: {
    createOrder: (_, { input }, { writer }) => runCommand(writer, createOrder, input),
    updateOrderStatus: (_, { input }, { writer }) => runCommand(writer, updateOrderStatus, input),
  },
  CreateOrderPayload: {
    order: ({ orderId }, _, { loaders }) => (orderId === null ? null : loaders.orderById.load(orderId)),
  },
  UpdateOrderStatusPayload: {
    order: ({ orderId }, _, { loaders }) => (orderId === null ? null : loaders.orderById.load(orderId)),
  },
} satisfies Resolvers;
