import { defineType } from '../define-type.ts';
import { createOrder, updateOrderStatus } from './commands.ts';
import { orderLoaders } from './loaders.ts';
import { orderResolvers } from './resolvers.ts';
import { orders } from './table.ts';

export const order = defineType({
  table: orders,
  loaders: orderLoaders,
  resolvers: orderResolvers,
  commands: { createOrder, updateOrderStatus },
  node: 'orderById',
});
