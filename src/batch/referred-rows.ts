import DataLoader from 'dataloader';
import { inChunks } from './chunks.ts';
import type { BatchContext } from './loaders.ts';
import { rowDecoder, type Columns, type RowId, type RowOf, type Table } from './table.ts';

/** Loaders of the rows that a table's rows point to, by the id of the row that points. */
export type ReferredLoaders<Row> = (from: Table) => DataLoader<RowId, Row | null | undefined>;

/**
 * Loads rows that other tables' rows point to, by the id of the row that points. One statement reads both from one snapshot,
 * whatever the request has read before, so it is authoritative where earlier reads contradict each other: null where the row
 * points to nothing, undefined where the row itself does not exist. One statement for all ids of a tick.
 * @param by the column that points, which every `from` table must have
 */
export function createReferredLoaders<T extends Columns>(
  context: BatchContext,
  to: Table<T>,
  by: string,
): ReferredLoaders<RowOf<T>> {
  const made = new Map<Table, DataLoader<RowId, RowOf<T> | null | undefined>>();
  const create = (from: Table): DataLoader<RowId, RowOf<T> | null | undefined> => {
    const pointer = from.columns[by]?.sql;
    if (pointer === undefined) throw new TypeError(`${from.name} has no column ${by}`);
    const names = ['id', ...context.columnsOf(to).filter((name) => name !== 'id')];
    const decode = rowDecoder<Columns>(to.columns, names);
    const columns = names.map((name) => `t.${to.columns[name]?.sql ?? name}`).join(', ');
    const join = `LEFT JOIN ${to.name} AS t FORCE INDEX (PRIMARY) ON t.id = f.${pointer}`;
    const select = `SELECT ${columns}, f.id FROM ${from.name} AS f FORCE INDEX (PRIMARY) ${join} WHERE f.id`;
    return new DataLoader<RowId, RowOf<T> | null | undefined>(async (ids) => {
      const { rows: raw, failures } = await inChunks(context, ids, (chunk) => ({
        name: `${to.type} of ${from.type}`,
        sql: `${select} IN (${chunk.map(() => '?').join(', ')}) LIMIT ${chunk.length}`,
        values: chunk.map(BigInt),
      }));
      // The id of the pointing row comes last, which the decoder ignores.
      const rows = new Map(raw.map((row) => [String(row[names.length]), row[0] === null ? null : decode(row)]));
      return ids.map((id) => failures.get(id) ?? (rows.get(id) as RowOf<T> | null | undefined));
    });
  };
  return (from) => {
    const loader = made.get(from) ?? create(from);
    made.set(from, loader);
    return loader;
  };
}
