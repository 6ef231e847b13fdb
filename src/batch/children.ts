import DataLoader from 'dataloader';
import { KEYS_A_STATEMENT, type LoaderFactory } from './loaders.ts';
import { keyMarks, paddedKeys } from './padding.ts';
import { rowTag } from './tags.ts';
import { rowDecoder, sqlName, type Columns, type RowId, type RowOf, type Table } from './table.ts';

/** A child table: a few rows per parent, such as an order's items, which are always read all together. */
export interface ChildTable<T extends Columns = Columns> {
  /** The GraphQL field, such as `Order.items`; names statements in metrics. */
  readonly field: string;
  readonly name: string;
  readonly columns: T;
  /** The table of the parents. Children change only together with their parent, so they share its cache tag. */
  readonly of: Table;
  /** The column that holds the parent's id; the first column of the primary key. */
  readonly parent: keyof T & string;
  /** The rest of the primary key, which is also the sort order. */
  readonly sort: keyof T & string;
  /** How many rows a parent may have: writes enforce this limit, and reads stop at it. */
  readonly most: number;
}

/** An identity function that lets the compiler infer the columns. */
export const defineChildTable = <T extends Columns>(table: ChildTable<T>): ChildTable<T> => table;

/** A row of the parents' table, with at least its id and its owner. */
interface Parent {
  readonly id: RowId;
  readonly [column: string]: unknown;
}

/** Loads all children of a row. */
export type ChildLoader<T extends Columns> = DataLoader<Parent, readonly RowOf<T>[], RowId>;

/** Loads all rows of each parent, in order; an empty list if there are none. One statement per tick for up to 1,000 parents. */
export function childLoader<T extends Columns>(table: ChildTable<T>): LoaderFactory<ChildLoader<T>> {
  const names = Object.keys(table.columns);
  const decode = rowDecoder(table.columns, names);
  const column = (name: string) => sqlName(table, name);
  const select = `SELECT ${names.map(column).join(', ')} FROM ${table.name} FORCE INDEX (PRIMARY)`;
  const order = `ORDER BY ${column(table.parent)}, ${column(table.sort)}`;
  return (context) =>
    new DataLoader<Parent, readonly RowOf<T>[], RowId>(
      async (parents) => {
        const ids = paddedKeys(parents.map(({ id }) => id));
        const raw = await context.db.read({
          name: table.field,
          sql: `${select} WHERE ${column(table.parent)} IN (${keyMarks(ids)}) ${order} LIMIT ${ids.length * table.most}`,
          values: ids.map(BigInt),
        });
        for (const parent of parents) context.tags.add(rowTag(table.of, parent));
        const rows = Map.groupBy(raw.map(decode), (row) => String(row[table.parent]));
        return parents.map(({ id }) => rows.get(id) ?? []);
      },
      { ...KEYS_A_STATEMENT, cacheKeyFn: ({ id }) => id },
    );
}
