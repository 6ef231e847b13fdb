import DataLoader from 'dataloader';
import type { ListQuery, ListSource, PageQuery, Position } from './list-query.ts';
import { rejectingKeys } from './keyed.ts';
import { ownedCondition, ownerTags } from './row-rule.ts';
import type { BatchContext, LoaderFactory } from './loader.ts';
import { paddedParents } from './padding.ts';
import { COUNT_BOUND, countStatement, existsStatement, pageStatement } from './statements.ts';
import { anyValueTag, customerColumnOf, customerTag, listTag, rowTag, valueTag } from './tags.ts';
import { rowDecoder, type Columns, type RowId, type RowOf, type Table } from './table.ts';

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

// How many parents a statement is for; DataLoader splits more into several concurrent statements. Up to about 250 SELECTs, the
// time of a UNION ALL is linear in their number, beyond that it is worse: 128, 256 and 1,000 pages of 4 rows took 6, 11 and 66 ms
// on MariaDB 10.11, and 9, 20 and 136 ms on MySQL 9.7. A thousand pages in concurrent parts of 128 took 27 and 43 ms (AMD EPYC,
// 2 cores, 2026-11-25).
const PARENTS_PER_STATEMENT = 128;

/** Creates a list's loaders for one request, and says which list it is. */
export interface ListLoaderFactory<Row> extends LoaderFactory<ListLoaders<Row>> {
  readonly source: ListSource;
}

/**
 * The factory of the loaders of a list's pages, counts and existence, each keyed by parent.
 * @param name such as `Customer.orders`: names statements in metrics, and the list in cursors
 * @param parent the column that holds the parent's id; left out for a list without a parent
 */
export function listLoaders<T extends Columns>(
  name: string,
  table: Table<T>,
  parent?: keyof T & string,
): ListLoaderFactory<RowOf<T>> {
  const source: ListSource = { name, table, parent };
  const fixed = ['id', ...(parent === undefined ? [] : [parent]), ...customerColumnOf(table)];
  const create = (context: BatchContext): ListLoaders<RowOf<T>> => {
    const tagLists = createListTagger(source, context);
    const { owner } = context;
    const rule = owner === undefined ? undefined : ownedCondition(table, parent, owner);
    const ruled = <Query extends ListQuery>(query: Query): Query =>
      rule === undefined ? query : { ...query, conditions: [rule, ...query.conditions] };
    return {
      source,
      page: perQuery(context, async (parents, asked: PageQuery) => {
        const query = ruled(asked);
        const cursorColumns = context.readsCursors ? [query.sort.column] : [];
        const columns = [...new Set([...fixed, ...cursorColumns, ...context.columnsOf(table)])];
        const read = { ...query, limit: query.limit + 1 };
        const statement = pageStatement(source, read, { columns, parents: paddedParents(parents) });
        const raw = await context.db.read(statement);
        const rows = raw.map(rowDecoder<Columns>(table.columns, columns)) as RowOf<T>[];
        tagLists(parents, query);
        for (const row of rows) context.tags.add(rowTag(table, row));
        if (parent === undefined) return parents.map(() => toPage(rows, query));
        const byParent = Map.groupBy(rows, (row) => String(row[parent]));
        return parents.map((one) => toPage(byParent.get(String(one)) ?? [], query));
      }),
      count: perQuery(context, async (parents, asked: ListQuery) => {
        const query = ruled(asked);
        tagLists(parents, query);
        const rows = await context.db.read(countStatement(source, query, { parents, limit: COUNT_BOUND + 1 }));
        const found = new Map(rows.map(([one, n]) => [parentKey(one), Number(n)]));
        return parents.map((one) => found.get(one) ?? 0);
      }),
      exists: existence(source, context, { tagLists, ruled }),
    };
  };
  return Object.assign(create, { source, table });
}

type TagLists = (parents: readonly (RowId | null)[], query: Pick<ListQuery, 'conditions'>) => void;

/**
 * Adds the cache tags of lists that were read: the customer's if the parent is the rows' customer, those of the values that all rows
 * of the list have in a column of `listedBy`, or else that of all lists.
 */
function createListTagger({ table, parent }: ListSource, { tags }: BatchContext): TagLists {
  const { type, customerColumn, listedBy = [] } = table;
  if (parent !== undefined && parent === customerColumn)
    return (parents) => {
      for (const one of parents) tags.add(customerTag(type, String(one)));
    };
  const addValues = (column: string, values: readonly unknown[]): void => {
    tags.add(anyValueTag(type));
    for (const value of values) tags.add(valueTag(type, column, value));
  };
  return (parents, { conditions }) => {
    for (const condition of conditions)
      if (condition.kind === 'owned') for (const tag of ownerTags(condition.owner)) tags.add(tag);
    if (parent !== undefined && listedBy.includes(parent)) return addValues(parent, parents);
    const [narrowest] = conditions
      .filter((condition) => condition.kind === 'in')
      .filter(({ column }) => listedBy.includes(column))
      .toSorted((a, b) => a.values.length - b.values.length);
    if (narrowest === undefined) tags.add(listTag(type));
    else addValues(narrowest.column, narrowest.values);
  };
}

function existence(
  source: ListSource,
  context: BatchContext,
  {
    tagLists,
    ruled,
  }: { readonly tagLists: TagLists; readonly ruled: <Query extends ListQuery>(query: Query) => Query },
): ListLoaders<unknown>['exists'] {
  type SeekQuery = ListQuery & { readonly seek: { readonly from: Position; readonly backward: boolean } };
  const load = perQuery(context, async (parents, asked: SeekQuery) => {
    const query = ruled(asked);
    tagLists(parents, query);
    const rows = await context.db.read(existsStatement(source, query, { ...query.seek, parents }));
    const found = new Set(rows.map(([one]) => parentKey(one)));
    return parents.map((one) => found.has(one));
  });
  return (parent, query, seek) =>
    load(parent, { ...query, seek, batchKey: `${query.batchKey} ${JSON.stringify(seek)}` });
}

const parentKey = (raw: unknown): string | null => (raw === null ? null : `${raw as RowId | bigint}`);

function toPage<Row>(read: Row[], query: PageQuery): Page<Row> {
  const hasMore = read.length > query.limit;
  const rows = hasMore ? read.slice(0, query.limit) : read;
  return { rows: query.backward ? rows.toReversed() : rows, hasMore };
}

// DataLoader does not accept null as a key.
const NO_PARENT = '';

/** Keeps a loader by parent for each batch key, created on first use: most requests need few of them. */
function perQuery<Query extends ListQuery, Result>(
  { schedule: batchScheduleFn }: BatchContext,
  load: (parents: readonly (RowId | null)[], query: Query) => Promise<Result[]>,
): (parent: RowId | null, query: Query) => Promise<Result> {
  const loaders = new Map<string, DataLoader<RowId, Result>>();
  return (parent, query) => {
    let loader = loaders.get(query.batchKey);
    if (loader === undefined) {
      const parentsOf = (keys: readonly RowId[]) => keys.map((key) => (key === NO_PARENT ? null : key));
      loader = new DataLoader(
        rejectingKeys((keys) => load(parentsOf(keys), query)),
        { maxBatchSize: PARENTS_PER_STATEMENT, batchScheduleFn },
      );
      loaders.set(query.batchKey, loader);
    }
    return loader.load(parent ?? NO_PARENT);
  };
}
