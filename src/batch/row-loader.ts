import DataLoader from 'dataloader';
import { asError, byKeys, readByKeys, rejectingKeys } from './keyed.ts';
import type { BatchContext, LoaderFactory } from './loader.ts';
import { andOwnedBy, isOwned, tagsOfRule } from './row-rule.ts';
import { customerColumnOf, customerTag, rowTag } from './tags.ts';
import { rowDecoder, sqlName, type Columns, type RowOf, type Table } from './table.ts';

/**
 * The factory of a loader of rows by a unique key: one statement per tick for up to 1,000 keys, and if the table has `redirects`,
 * one more for those that are missing. A missing key yields null.
 * @param by the key's column, `id` or one of `table.uniques`
 */
export function rowLoader<T extends Columns>(
  table: Table<T>,
  by: keyof T & string = 'id',
): LoaderFactory<DataLoader<string, RowOf<T> | null>> {
  const key = table.columns[by];
  if (key === undefined) throw new TypeError(`${table.name} has no column ${by}`);
  const from = `FROM ${table.name} AS t ${indexOn(table.name, by, key.sql)} WHERE t.${key.sql}`;
  const former = formerKeys(table, by);
  const create = (context: BatchContext) => {
    const { owner } = context;
    const and =
      owner === undefined || !isOwned(table) ? undefined : { sql: andOwnedBy(table), values: [BigInt(owner)] };
    const names = [...new Set([by, ...customerColumnOf(table), ...context.columnsOf(table)])];
    const decode = rowDecoder<Columns>(table.columns, names);
    const columns = names.map((name) => `t.${sqlName(table, name)}`).join(', ');
    const read = (keys: readonly string[], name: string, select: string) =>
      readByKeys(context.db, keys, {
        name: `${table.type} by ${name}`,
        select,
        encode: (value) => key.encode(value),
        ...(and && { and }),
      });
    const load = async (keys: readonly string[]): Promise<(RowOf<T> | Error | null)[]> => {
      const raw = await read(keys, by, `SELECT ${columns} ${from}`);
      const rows = new Map<string, RowOf<T> | Error>(raw.map(decode).map((row) => [String(row[by]), row as RowOf<T>]));
      const missing = former === undefined ? [] : keys.filter((value) => !rows.has(value));
      if (former !== undefined && missing.length > 0)
        try {
          // The key is in the last column, which the decoder ignores.
          for (const row of await read(missing, `former ${by}`, `SELECT ${columns}, ${former.key} ${former.from}`))
            rows.set(String(row[names.length]), decode(row) as RowOf<T>);
        } catch (error) {
          // The rows that were found are not affected.
          for (const value of missing) rows.set(value, asError(error));
        }
      return keys.map((value) => {
        const row = rows.get(value) ?? null;
        if (row instanceof Error) return row;
        // A missing customer can appear only by a write to that customer, so its own tag is enough. Any other missing row needs
        // the tag of all the type's lists.
        context.tags.add(
          by === table.customerColumn && row === null ? customerTag(table.type, value) : rowTag(table, row),
        );
        if (owner !== undefined) for (const tag of tagsOfRule(table, row, owner)) context.tags.add(tag);
        return row;
      });
    };
    return new DataLoader<string, RowOf<T> | null>(rejectingKeys(load), byKeys(context));
  };
  return Object.assign(create, { table });
}

const indexOn = (tableName: string, by: string, column: string): string =>
  `FORCE INDEX (\`${by === 'id' ? 'PRIMARY' : `${tableName}_${column}_key`}\`)`;

/** How to find rows by the keys of others that were merged into them; undefined if the table has none. */
function formerKeys({ name, redirects }: Table, by: string): { key: string; from: string } | undefined {
  const column = redirects?.keys[by];
  if (redirects === undefined || column === undefined) return undefined;
  const key = `r.${column}`;
  const first = `FROM ${redirects.table} AS r ${indexOn(redirects.table, by, column)}`;
  // STRAIGHT_JOIN reads the table of redirects first, whatever the statistics say.
  const join = `STRAIGHT_JOIN ${name} AS t FORCE INDEX (PRIMARY) ON t.id = r.${redirects.target}`;
  return { key, from: `${first} ${join} WHERE ${key}` };
}
