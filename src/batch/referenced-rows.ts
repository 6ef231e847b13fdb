import DataLoader from 'dataloader';
import { isGiven } from '../given.ts';
import { byKeys, readByKeys, rejectingKeys } from './keyed.ts';
import { ownerColumnsOf } from './row-rule.ts';
import type { BatchContext, LoaderFactory } from './loader.ts';
import { customerColumnOf, rowTag } from './tags.ts';
import { rowDecoder, sqlName, type Columns, type RowId, type RowOf, type Table } from './table.ts';

/** Loaders of the rows that a table's rows refer to, by the id of the referring row. */
export type ReferencedLoaders<Row> = (from: Table) => DataLoader<RowId, Row | null | undefined>;

/**
 * The factory of loaders of rows that other tables' rows refer to, by the id of the referring row. One statement reads both from
 * one snapshot, whatever the request has read before, so its result decides where earlier reads contradict each other: null if
 * the row that is referred to does not exist, undefined if the referring row does not. One statement for all ids of a tick.
 * @param by the column with the reference, which every `from` table must have
 */
export function referencedLoaders<T extends Columns>(
  to: Table<T>,
  by: string,
): LoaderFactory<ReferencedLoaders<RowOf<T>>> {
  const createAll = (context: BatchContext): ReferencedLoaders<RowOf<T>> => {
    const made = new Map<Table, DataLoader<RowId, RowOf<T> | null | undefined>>();
    const create = (from: Table): DataLoader<RowId, RowOf<T> | null | undefined> => {
      const pointer = from.columns[by]?.sql;
      if (pointer === undefined) throw new TypeError(`${from.name} has no column ${by}`);
      const { owner } = context;
      const names = [
        ...new Set(['id', ...customerColumnOf(to), ...ownerColumnsOf(to, owner), ...context.columnsOf(to)]),
      ];
      const decode = rowDecoder<Columns>(to.columns, names);
      const columns = names.map((name) => `t.${sqlName(to, name)}`).join(', ');
      const join = `LEFT JOIN ${to.name} AS t FORCE INDEX (PRIMARY) ON t.id = r.${pointer}`;
      const select = `SELECT ${columns}, r.id FROM ${from.name} AS r FORCE INDEX (PRIMARY) ${join} WHERE r.id`;
      const load = async (ids: readonly RowId[]) => {
        const statement = { name: `${to.type} of ${from.type}`, select, encode: BigInt };
        const raw = await readByKeys(context.db, ids, statement);
        // The referring row's id is in the last column, which the decoder ignores.
        const rows = new Map(raw.map((row) => [String(row[names.length]), row[0] === null ? null : decode(row)]));
        for (const row of rows.values()) context.tags.add(rowTag(to, row));
        // By now, it may refer to a row that must not be seen.
        const isHidden = (row: RowOf<Columns> | null | undefined): boolean =>
          isGiven(row) && owner !== undefined && ownerColumnsOf(to, owner).some((name) => row[name] !== owner);
        return ids.map((id) => (isHidden(rows.get(id)) ? undefined : (rows.get(id) as RowOf<T> | null | undefined)));
      };
      return new DataLoader<RowId, RowOf<T> | null | undefined>(rejectingKeys(load), byKeys(context));
    };
    return (from) => {
      const loader = made.get(from) ?? create(from);
      made.set(from, loader);
      return loader;
    };
  };
  return Object.assign(createAll, { table: to });
}
