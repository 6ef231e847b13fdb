import DataLoader from 'dataloader';
import type { Database } from '../db/database.ts';
import { asError, chunks, inChunks, padded } from './chunks.ts';
import type { ListQuery, ListSource, PageQuery, Position } from './conditions.ts';
import { COUNT_BOUND, countStatement, existsStatement, pageStatement } from './statements.ts';
import { listTag, ownedTag } from './tags.ts';
import { rowDecoder, type Columns, type RowId, type RowOf, type Table } from './table.ts';

/** What loaders need from the request that they belong to. */
export interface BatchContext {
  readonly db: Pick<Database, 'read'>;
  /** The columns of a table that the request's document can need, including `id`. */
  readonly columnsOf: (table: Table) => readonly string[];
  /** Tags of everything that was read for the request. */
  readonly tags: Set<string>;
}

// How many parents one statement takes; more are split over several concurrent ones. Up to about 250 SELECTs, the time of a
// UNION ALL is linear in their number, then it is worse: 128, 256 and 1,000 pages of 4 rows took 6, 11 and 66 ms on MariaDB
// 10.11, 9, 20 and 136 ms on MySQL 9.7, and a thousand in concurrent parts of 128 took 27 and 43 ms (AMD EPYC, 2 cores,
// 2026-11-25).
const PARENTS_A_STATEMENT = 128;

/**
 * Loads rows by a unique key: one statement per tick for up to 1,000 keys, and if the table has `former` keys, one more for
 * those that are missing. A missing key yields null.
 * @param by the key's column, `id` or one of `table.uniques`
 */
export function createRowLoader<T extends Columns>(
  context: BatchContext,
  table: Table<T>,
  by: keyof T & string = 'id',
): DataLoader<string, RowOf<T> | null> {
  const key = table.columns[by];
  if (key === undefined) throw new TypeError(`${table.name} has no column ${by}`);
  const own = `FROM ${table.name} AS t ${indexOn(table.name, by, key.sql)} WHERE t.${key.sql}`;
  return new DataLoader<string, RowOf<T> | null>(async (keys) => {
    const names = [...new Set([by, ...ownerOf(table), ...context.columnsOf(table)])];
    const decode = rowDecoder<Columns>(table.columns, names);
    const columns = names.map((name) => `t.${table.columns[name]?.sql ?? name}`).join(', ');
    const read = (asked: readonly string[], name: string, select: string) =>
      inChunks(context, asked, (chunk) => ({
        name: `${table.type} by ${name}`,
        sql: `${select} IN (${chunk.map(() => '?').join(', ')}) LIMIT ${chunk.length}`,
        values: chunk.map((value) => key.encode(value)),
      }));
    const { rows: raw, failures } = await read(keys, by, `SELECT ${columns} ${own}`);
    const failed = new Map(failures);
    const rows = new Map(raw.map(decode).map((row) => [String(row[by]), row as RowOf<T>]));
    const missing = keys.filter((value) => !rows.has(value) && !failed.has(value));
    const former = missing.length === 0 ? undefined : formerKeys(table, by);
    if (former !== undefined) {
      const moved = await read(missing, `former ${by}`, `SELECT ${columns}, ${former.key} ${former.from}`);
      // The key comes last, which the decoder ignores.
      for (const row of moved.rows) rows.set(String(row[names.length]), decode(row) as RowOf<T>);
      for (const [value, error] of moved.failures) failed.set(value, error);
    }
    return keys.map((value) => {
      const failure = failed.get(value);
      if (failure !== undefined) return failure;
      const row = rows.get(value) ?? null;
      context.tags.add(by === table.owner && row === null ? ownedTag(table.type, value) : tagOf(table, row));
      return row;
    });
  });
}

const ownerOf = ({ owner }: Table): readonly string[] => (owner === undefined ? [] : [owner]);

/** The tag of a row; for a missing row or a type without owners, the tag of all lists of the type. */
function tagOf({ type, owner }: Table, row: Readonly<Record<string, unknown>> | null): string {
  return owner === undefined || row === null ? listTag(type) : ownedTag(type, String(row[owner]));
}

const indexOn = (tableName: string, by: string, column: string): string =>
  `FORCE INDEX (\`${by === 'id' ? 'PRIMARY' : `${tableName}_${column}_key`}\`)`;

/** How to find rows by former keys, those of rows that are gone; undefined where the table has none. */
function formerKeys({ name, former }: Table, by: string): { key: string; from: string } | undefined {
  const column = former?.keys[by];
  if (former === undefined || column === undefined) return undefined;
  const key = `f.${column}`;
  const side = `FROM ${former.table} AS f ${indexOn(former.table, by, column)}`;
  // STRAIGHT_JOIN reads the side table first, whatever the statistics say.
  const join = `STRAIGHT_JOIN ${name} AS t FORCE INDEX (PRIMARY) ON t.id = f.${former.leadsTo}`;
  return { key, from: `${side} ${join} WHERE ${key}` };
}

/** A table with a few rows per parent, such as an order's items, which are always read all together. */
export interface ChildSource<T extends Columns> {
  readonly name: string;
  readonly table: string;
  readonly columns: T;
  /** The column that holds the parent's id; the first column of the primary key. */
  readonly parent: keyof T & string;
  /** The rest of the primary key, which is also the sort order. */
  readonly sort: keyof T & string;
  /** The most rows a parent may have: writes enforce it, and reads are limited to it. */
  readonly most: number;
}

/** Loads all rows of each parent, in order; an empty list if there are none. One statement per tick for up to 1,000 parents. */
export function createChildrenLoader<T extends Columns>(
  context: BatchContext,
  source: ChildSource<T>,
): DataLoader<RowId, readonly RowOf<T>[]> {
  const names = Object.keys(source.columns);
  const decode = rowDecoder(source.columns, names);
  const column = (name: string) => source.columns[name]?.sql ?? name;
  const select = `SELECT ${names.map(column).join(', ')} FROM ${source.table} FORCE INDEX (PRIMARY)`;
  const order = `ORDER BY ${column(source.parent)}, ${column(source.sort)}`;
  return new DataLoader<RowId, readonly RowOf<T>[]>(async (parents) => {
    const { rows: raw, failures } = await inChunks(context, parents, (chunk) => ({
      name: source.name,
      sql: `${select} WHERE ${column(source.parent)} IN (${chunk.map(() => '?').join(', ')}) ${order} LIMIT ${chunk.length * source.most}`,
      values: chunk.map(BigInt),
    }));
    const rows = Map.groupBy(raw.map(decode), (row) => String(row[source.parent]));
    return parents.map((parent) => failures.get(parent) ?? rows.get(parent) ?? []);
  });
}

/** The rows of a page in the list's order, and whether more follow in the direction of reading. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly hasMore: boolean;
}

/** The loaders behind one connection field. Each batches a tick's keys into one statement per `batchKey`. */
export interface ListLoaders<Row> {
  readonly source: ListSource;
  page(parent: RowId | null, query: PageQuery): Promise<Page<Row>>;
  /** At most `COUNT_BOUND` + 1. */
  count(parent: RowId | null, query: ListQuery): Promise<number>;
  /** Whether there is a row at `from` or beyond it, in the list's order, or in reverse if `backward`. */
  exists(parent: RowId | null, query: ListQuery, seek: { from: Position; backward: boolean }): Promise<boolean>;
}

interface ListKey<Query> {
  readonly parent: RowId | null;
  readonly batchKey: string;
  readonly query: Query;
}

/** Creates the loaders of pages, counts and existence for the lists of a source, each keyed by parent. */
export function createListLoaders<T extends Columns>(
  context: BatchContext,
  source: ListSource & { readonly table: Table<T> },
): ListLoaders<RowOf<T>> {
  const { table } = source;
  const tagLists = (parents: readonly (RowId | null)[]): void => {
    if (source.parent !== undefined && source.parent === table.owner)
      for (const parent of parents) context.tags.add(ownedTag(table.type, String(parent)));
    else context.tags.add(listTag(table.type));
  };
  const pages = byParent<PageQuery, Page<RowOf<T>>>(async (parents, query) => {
    const fixed = [
      'id',
      query.sort.column,
      ...(source.parent === undefined ? [] : [source.parent]),
      ...ownerOf(source.table),
    ];
    const columns = [...new Set([...fixed, ...context.columnsOf(source.table)])];
    const decode = rowDecoder<Columns>(source.table.columns, columns);
    const read = { ...query, limit: query.limit + 1 };
    const raw = await context.db.read(pageStatement(source, read, { columns, parents: padded(parents) }));
    const rows = raw.map(decode) as RowOf<T>[];
    tagLists(parents);
    for (const row of rows) context.tags.add(tagOf(source.table, row));
    const { parent: column } = source;
    if (column === undefined) return parents.map(() => toPage(rows, query));
    const byParentId = Map.groupBy(rows, (row) => String(row[column]));
    return parents.map((parent) => toPage(byParentId.get(String(parent)) ?? [], query));
  });
  const counts = byParent<ListQuery, number>(async (parents, query) => {
    tagLists(parents);
    const rows = await context.db.read(countStatement(source, query, { parents, most: COUNT_BOUND + 1 }));
    const found = new Map(rows.map(([parent, n]) => [parentKey(parent), Number(n)]));
    return parents.map((parent) => found.get(parent) ?? 0);
  });
  const existing = byParent<ListQuery & { seek: { from: Position; backward: boolean } }, boolean>(
    async (parents, query) => {
      tagLists(parents);
      const rows = await context.db.read(existsStatement(source, query, { ...query.seek, parents }));
      const found = new Set(rows.map(([parent]) => parentKey(parent)));
      return parents.map((parent) => found.has(parent));
    },
  );
  return {
    source,
    page: (parent, query) => pages().load({ parent, query, batchKey: query.batchKey }),
    count: (parent, query) => counts().load({ parent, query, batchKey: query.batchKey }),
    exists: (parent, query, seek) =>
      existing().load({
        parent,
        query: { ...query, seek },
        batchKey: `${query.batchKey} ${JSON.stringify(seek)}`,
      }),
  };
}

const parentKey = (raw: unknown): string | null => (raw === null ? null : `${raw as RowId | bigint}`);

function toPage<Row>(read: Row[], query: PageQuery): Page<Row> {
  const hasMore = read.length > query.limit;
  const rows = hasMore ? read.slice(0, query.limit) : read;
  return { rows: query.backward ? rows.toReversed() : rows, hasMore };
}

type LoadPages<Query, Result> = (parents: readonly (RowId | null)[], query: Query) => Promise<Result[]>;

/** A loader of (parent, query) pairs, created on first use: most requests need few of them. */
function byParent<Query, Result>(load: LoadPages<Query, Result>): () => DataLoader<ListKey<Query>, Result, string> {
  let loader: DataLoader<ListKey<Query>, Result, string> | undefined;
  return () =>
    (loader ??= new DataLoader((keys) => loadTogether(keys, load), {
      cacheKeyFn: (key) => `${key.parent} ${key.batchKey}`,
    }));
}

/** Passes keys with the same batchKey to `load` together, in chunks. */
async function loadTogether<Query, Result>(
  keys: readonly ListKey<Query>[],
  load: LoadPages<Query, Result>,
): Promise<(Result | Error)[]> {
  const results = new Map<ListKey<Query>, Result | Error>();
  const groups = [...Map.groupBy(keys, (key) => key.batchKey).values()].flatMap((group) =>
    chunks(group, PARENTS_A_STATEMENT),
  );
  await Promise.all(
    groups.map(async (group) => {
      const [first] = group;
      if (first === undefined) return;
      try {
        const found = await load(
          group.map((key) => key.parent),
          first.query,
        );
        group.forEach((key, i) => results.set(key, found[i] ?? new Error('a batch gave too few results')));
      } catch (error) {
        for (const key of group) results.set(key, asError(error));
      }
    }),
  );
  return keys.map((key) => results.get(key) ?? new Error('a batch left out a key'));
}
