import type DataLoader from 'dataloader';
import { createListLoaders, createRowLoader, type BatchContext, type ListLoaders } from '../../batch/loaders.ts';
import { products, type ProductRow } from './table.ts';

export interface ProductLoaders {
  readonly productById: DataLoader<string, ProductRow | null>;
  readonly productBySku: DataLoader<string, ProductRow | null>;
  readonly products: ListLoaders<ProductRow>;
}

declare module '../context.ts' {
  interface Loaders extends ProductLoaders {}
}

/** The loaders of products. */
export function createProductLoaders(context: BatchContext): ProductLoaders {
  return {
    productById: createRowLoader(context, products),
    productBySku: createRowLoader(context, products, 'sku'),
    products: createListLoaders(context, { name: 'Query.products', table: products, parent: undefined }),
  };
}
