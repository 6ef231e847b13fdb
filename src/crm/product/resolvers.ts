import { connectionResolvers } from '../../relay/connection.ts';
import { connectionOf } from '../connections.ts';
import { assertMayList, mayFind } from '../found.ts';
import { globalId, rowIdOf } from '../global-id.ts';
import { money } from '../money.ts';
import type { ResolversOf } from '../resolver-types.ts';
import { readKey } from '../text.ts';

export const productResolvers = {
  Query: {
    product: (_, { by }, context) => {
      const { loaders } = context;
      if (!mayFind(context, { type: 'Product' })) return null;
      return by.id === undefined
        ? loaders.productBySku.load(readKey(by.sku))
        : loaders.productById.load(rowIdOf('Product', by.id, 'by.id'));
    },
    products: (_, args, context) => {
      assertMayList(context, 'products');
      return connectionOf(context.loaders.products, { args }, context.paging);
    },
  },
  Product: {
    id: (product) => globalId('Product', product.id),
    price: (product) => money(product.amount, product.currency),
  },
  ProductConnection: connectionResolvers,
} satisfies ResolversOf<'Product'>;
