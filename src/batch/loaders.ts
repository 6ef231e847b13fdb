import DataLoader from 'dataloader';
import type { Reader } from '../db/database.ts';
import { asError, KEYS_A_STATEMENT, readByKeys, rejectingKeys } from './keyed.ts';
import { customerTag, rowTag } from './tags.ts';
import { rowDecoder, sqlName, type ChildTable, type Columns, type RowOf, type Table } from './table.ts';

/** What loaders need from the request that they belong to. */
export interface BatchContext {
  readonly db: Reader;
  /** The columns of a table that the request's document can need, including `id`. */
  readonly columnsOf: (table: Table) => readonly string[];
  /** Tags of everything that was read for the request. */
  readonly tags: Set<string>;
}

/** Creates a loader for one request. Its name in the type's `loaders` is how relations find it. */
export interface LoaderFactory<Loader> {
  (context: BatchContext): Loader;
  /** What it reads: the table of a GraphQL type, */
  readonly table?: Table;
  /** or one whose rows belong to a row of another table. */
  // `any`: of any columns.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly childTable?: ChildTable<any>;
}

/**
 * Loads rows by a unique key: one statement per tick for up to 1,000 keys, and if the table has `redirects`, one more for
 * those that are missing. A missing key yields null.
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
    const names = [...new Set([by, ...customerColumnOf(table), ...context.columnsOf(table)])];
    const decode = rowDecoder<Columns>(table.columns, names);
    const columns = names.map((name) => `t.${sqlName(table, name)}`).join(', ');
    const read = (keys: readonly string[], name: string, select: string) =>
      readByKeys(context.db, keys, { name: `${table.type} by ${name}`, select, encode: (value) => key.encode(value) });
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
        // Only a write to a missing customer itself can make it appear; any other missing row goes by the type's lists.
        context.tags.add(
          by === table.customerColumn && row === null ? customerTag(table.type, value) : rowTag(table, row),
        );
        return row;
      });
    };
    return new DataLoader<string, RowOf<T> | null>(rejectingKeys(load), KEYS_A_STATEMENT);
  };
  return Object.assign(create, { table });
}

/** The column of the customer that a row belongs to, if any, which the row's cache tag needs. */
export const customerColumnOf = ({ customerColumn }: Table): readonly string[] =>
  customerColumn === undefined ? [] : [customerColumn];

const indexOn = (tableName: string, by: string, column: string): string =>
  `FORCE INDEX (\`${by === 'id' ? 'PRIMARY' : `${tableName}_${column}_key`}\`)`;

/** How to find rows by the keys of others that were merged into them; undefined if the table has none. */
function formerKeys({ name, redirects }: Table, by: string): { key: string; from: string } | undefined {
  const column = redirects?.keys[by];
  if (redirects === undefined || column === undefined) return undefined;
  const key = `f.${column}`;
  const first = `FROM ${redirects.table} AS f ${indexOn(redirects.table, by, column)}`;
  // STRAIGHT_JOIN reads the table of redirects first, whatever the statistics say.
  const join = `STRAIGHT_JOIN ${name} AS t FORCE INDEX (PRIMARY) ON t.id = f.${redirects.target}`;
  return { key, from: `${first} ${join} WHERE ${key}` };
}
