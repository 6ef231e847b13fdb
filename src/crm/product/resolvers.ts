import { connectionResolvers } from '../../relay/connection.ts';
import { connectionOf } from '../connections.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { money } from '../money.ts';
import type { ResolversOf } from '../resolver-types.ts';
import { readKey } from '../text.ts';

export const productResolvers = {
  Query: {
    product: (_, { by }, { loaders }) =>
      by.id === undefined
        ? loaders.productBySku.load(readKey(by.sku))
        : loaders.productById.load(rowIdOf('Product', by.id, 'by.id')),
    products: (_, args, { loaders, paging }) => connectionOf(loaders.products, { args }, paging),
  },
  Product: {
    id: (product) => globalId('Product', product.id),
    price: (product) => money(product.amount, product.currency),
  },
  ProductConnection: connectionResolvers,
} satisfies ResolversOf<'Product'>;
