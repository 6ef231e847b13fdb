import DataLoader from 'dataloader';
import { byKeys, readByKeys, rejectingKeys } from './keyed.ts';
import type { BatchContext, LoaderFactory } from './loader.ts';
import { rowTag } from './tags.ts';
import { rowDecoder, sqlName, type ChildTable, type Columns, type RowId, type RowOf } from './table.ts';

/** A row of the parents' table, with at least its id and its customer's. */
interface Parent {
  readonly id: RowId;
  readonly [column: string]: unknown;
}

/** Loads all children of a row. */
export type ChildLoader<T extends Columns> = DataLoader<Parent, readonly RowOf<T>[], RowId>;

/**
 * The factory of a loader of all rows of each parent, in order; an empty list if there are none. One statement per tick for up to
 * 1,000 parents.
 */
export function childLoader<T extends Columns>(table: ChildTable<T>): LoaderFactory<ChildLoader<T>> {
  const names = Object.keys(table.columns);
  const decode = rowDecoder(table.columns, names);
  const column = (name: string) => sqlName(table, name);
  const select = `SELECT ${names.map(column).join(', ')} FROM ${table.name} FORCE INDEX (PRIMARY) WHERE ${column(table.parent)}`;
  const order = ` ORDER BY ${column(table.parent)}, ${column(table.sort)}`;
  const create = (context: BatchContext) =>
    new DataLoader<Parent, readonly RowOf<T>[], RowId>(
      rejectingKeys(async (parents) => {
        const ids = parents.map(({ id }) => id);
        const statement = { name: table.field, select, encode: BigInt, order, rowsPerKey: table.maxRows };
        const raw = await readByKeys(context.db, ids, statement);
        for (const parent of parents) context.tags.add(rowTag(table.of, parent));
        const rows = Map.groupBy(raw.map(decode), (row) => String(row[table.parent]));
        return parents.map(({ id }) => rows.get(id) ?? []);
      }),
      { ...byKeys(context), cacheKeyFn: ({ id }) => id },
    );
  return Object.assign(create, { childTable: table });
}
