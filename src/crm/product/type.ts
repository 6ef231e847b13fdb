import { defineType } from '../define-type.ts';
import { productLoaders } from './loaders.ts';
import { productResolvers } from './resolvers.ts';
import { products } from './table.ts';

export const product = defineType({
  table: products,
  loaders: productLoaders,
  resolvers: productResolvers,
  commands: {},
  node: 'productById',
});
