import { listLoaders } from '../../batch/lists.ts';
import { rowLoader } from '../../batch/row-loader.ts';
import type { LoadersOf } from '../define-type.ts';
import { products } from './table.ts';

/** The factories of the loaders of products. */
export const productLoaders = {
  productById: rowLoader(products),
  productBySku: rowLoader(products, 'sku'),
  products: listLoaders('Query.products', products),
};

declare module '../context.ts' {
  interface Loaders extends LoadersOf<typeof productLoaders> {}
}
