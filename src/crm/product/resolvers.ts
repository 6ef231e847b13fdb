import { connectionResolvers, createConnection } from '../../relay/connection.ts';
import type { Resolvers } from '../../generated/graphql.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { sortBy } from '../filters.ts';
import { money } from '../money.ts';
import { readKey } from '../text.ts';
import { products } from './table.ts';

export const productResolvers = {
  Query: {
    product: (_, { by }, { loaders }) =>
      by.id === undefined
        ? loaders.productBySku.load(readKey(by.sku))
        : loaders.productById.load(rowIdOf('Product', by.id, 'by.id')),
    products: (_, args, { loaders, paging }) =>
      createConnection(loaders.products, { parent: null, conditions: [], sort: sortBy(products) }, { args, paging }),
  },
  Product: {
    id: (product) => globalId('Product', product.id),
    price: (product) => money(product.amount, product.currency),
  },
  ProductConnection: connectionResolvers,
} satisfies Resolvers;
