import { decimal, defineTable, id, text, type RowOf } from '../../batch/table.ts';
import type { Connection, Edge } from '../../relay/connection.ts';

export const products = defineTable({
  type: 'Product',
  name: 'products',
  columns: {
    id: id('id'),
    sku: text('sku'),
    name: text('name'),
    amount: decimal('price'),
    currency: text('currency'),
  },
  fields: { price: ['amount', 'currency'] },
  sorts: { columns: { NAME: 'name' }, byDefault: { field: 'NAME', direction: 'ASC' } },
  indexes: [['name']],
  uniques: ['sku'],
});

export type ProductRow = RowOf<typeof products.columns>;
export type ProductConnection = Connection<ProductRow>;
export type ProductEdge = Edge<ProductRow>;
