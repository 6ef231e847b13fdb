import type { Condition, IndexTable, ListQuery, ListSource } from './list-query.ts';
import { indexName, sqlName, type Table } from './table.ts';

type ConditionOf<Kind extends Condition['kind']> = Extract<Condition, { kind: Kind }>;

/** The index that a list is read from. */
export interface IndexChoice {
  readonly name: string;
  /** The index table that the index is on, unless it is on the list's own. */
  readonly indexTable: IndexTable | undefined;
  /** The columns of the list in the index, in order, without the closing id or an index table's value. */
  readonly columns: readonly string[];
  /** Equalities that the index begins with. With several values, each is a separate bounded read. */
  readonly prefix: readonly ConditionOf<'in'>[];
  /** Whether the sort column is unique (apart from nulls), so that there are no ties. */
  readonly isUnique: boolean;
}

/** The part of a query that decides which index it reads. */
type SortedConditions = Pick<ListQuery, 'conditions' | 'sort'>;

/**
 * The index that provides the order, preceded by the parent and as many equalities as possible. The statement forces it, since
 * a plan that the optimizer estimates to be cheaper may read the whole list. docs/indexes.md has the index of every list, such as
 *
 * - `Customer.orders` by `placedAt`: `orders_customer_id_placed_at_id_idx`
 * - with `status: [PAID]`: `orders_customer_id_status_placed_at_id_idx`, which begins with that equality too
 * - with a range of `updatedAt` instead: the first one again, since a range provides no order, so other rows are read and skipped
 * - `Query.customers` by `name` with a `tag`: `customer_tags_tag_name_customer_id_idx`, on the index table of tags
 */
export function chooseIndex(source: ListSource, query: SortedConditions): IndexChoice {
  const membership = query.conditions.find((condition) => condition.kind === 'has');
  return membership === undefined || selectiveIn(source, query) !== undefined
    ? ownIndex(source, query)
    : indexOfTable(source, query, membership.indexTable);
}

/** An equality on a selective column, which beats any other index. */
const selectiveIn = ({ table }: ListSource, { conditions }: SortedConditions): ConditionOf<'in'> | undefined =>
  conditions
    .filter((condition) => condition.kind === 'in')
    .find(({ column }) => table.selective?.includes(column) === true);

/**
 * Checks that the table declares every index that `chooseIndex` relies on: for each order, the index without filters, and the one
 * of each selective column. All others are optional, except for those of index tables, which no definition declares: tests compare
 * what is chosen with the migrations.
 * @throws TypeError that names the table, the list, the order and the index
 */
export function assertIndexed(source: ListSource): void {
  const { table } = source;
  const known = new Set([
    ...table.indexes.map((columns) => sortedIndexName(table, columns)),
    ...table.uniques.map((column) => uniqueIndexName(table, column)),
  ]);
  const selective = (table.selective ?? []).map((column) => [{ kind: 'in', column, values: [] }] as const);
  for (const column of Object.values(table.sorts?.columns ?? {}))
    for (const conditions of [[], ...selective]) {
      const { name, columns } = chooseIndex(source, { conditions, sort: { column, descending: false } });
      const expected = `expected an index [${columns.join(', ')}] (${name}) for the list ${source.name} by ${column}`;
      if (!known.has(name)) throw new TypeError(`${table.name}: ${expected}`);
    }
}

function ownIndex(source: ListSource, query: SortedConditions): IndexChoice {
  const { table, parent } = source;
  const sort = query.sort.column;
  const choice = (columns: readonly string[], prefix: IndexChoice['prefix']): IndexChoice => ({
    name: sortedIndexName(table, columns),
    indexTable: undefined,
    columns,
    prefix,
    isUnique: false,
  });
  const lead = parent === undefined ? [] : [parent];
  const equalities = query.conditions.filter((condition) => condition.kind === 'in');
  const selective = selectiveIn(source, query);
  if (selective !== undefined) return choice([selective.column, sort], [selective]);
  const pairs = equalities.flatMap((a) => equalities.filter((b) => b !== a).map((b) => [a, b]));
  for (const prefix of [...pairs, ...equalities.map((a) => [a])]) {
    const columns = [...lead, ...prefix.map((condition) => condition.column), sort];
    if (table.indexes.some((index) => index.join() === columns.join())) return choice(columns, prefix);
  }
  if (lead.length === 0 && table.uniques.includes(sort))
    return { ...choice([sort], []), name: uniqueIndexName(table, sort), isUnique: true };
  return choice([...lead, sort], []);
}

/** An index of the index table: the value before the sort column, preceded by `prefixColumn` if the list is narrowed to that. */
function indexOfTable(
  { table, parent }: ListSource,
  { conditions, sort }: SortedConditions,
  indexTable: IndexTable,
): IndexChoice {
  const isPrefix = (condition: Condition): condition is ConditionOf<'in'> =>
    condition.kind === 'in' && condition.column === indexTable.prefixColumn;
  const prefix = parent === undefined ? conditions.filter(isPrefix) : [];
  const lead = parent === indexTable.prefixColumn || prefix.length > 0 ? [indexTable.prefixColumn] : [];
  const column = (name: string) => sqlName(table, name);
  return {
    name: indexName(indexTable.name, [
      ...lead.map(column),
      indexTable.valueColumn,
      column(sort.column),
      indexTable.key,
    ]),
    indexTable,
    columns: [...lead, sort.column],
    prefix,
    isUnique: false,
  };
}

/** The name of the index of the columns, which ends with the id. */
export const sortedIndexName = (table: Table, columns: readonly string[]): string =>
  indexName(table.name, [...columns.map((name) => sqlName(table, name)), 'id']);

const uniqueIndexName = (table: Table, column: string): string => `${table.name}_${sqlName(table, column)}_key`;

/** Which order to count a list in. Any gives the same count, so it picks the one whose index covers the most conditions. */
export function countingSort(source: ListSource, query: SortedConditions): ListQuery['sort'] {
  const uncovered = (sort: ListQuery['sort']): number => coverageOf(source, { ...query, sort }).uncovered.length;
  if (uncovered(query.sort) === 0) return query.sort;
  return sortsOf(source).reduce((best, sort) => (uncovered(sort) < uncovered(best) ? sort : best), query.sort);
}

/**
 * Other orders whose indexes cover conditions that the list's own index does not, nor that of an order before them. If few rows
 * match such conditions, it is cheaper to read all of those and to sort them.
 */
export function narrowingSorts(source: ListSource, query: SortedConditions): readonly ListQuery['sort'][] {
  const known = new Set(coverageOf(source, query).covered);
  if (known.size === query.conditions.length) return [];
  return sortsOf(source).filter((sort) => {
    const { covered } = coverageOf(source, { ...query, sort });
    const isMore = covered.some((condition) => !known.has(condition));
    for (const condition of covered) known.add(condition);
    return isMore;
  });
}

const sortsOf = ({ table }: ListSource): readonly ListQuery['sort'][] =>
  Object.values(table.sorts?.columns ?? {}).map((column) => ({ column, descending: false }));

/**
 * A list's conditions, split by whether its index covers them. For `Customer.orders` by `placedAt` with `status: [PAID]` and a
 * range of `updatedAt`, the status is covered, and `updatedAt` is not.
 */
export interface Coverage {
  readonly covered: readonly Condition[];
  readonly isParentCovered: boolean;
  /**
   * The columns of the other conditions, the parent's among them. Index entries are read in the list's order, and those that do
   * not match these are skipped. If empty, a page reads no more than itself.
   */
  readonly uncovered: readonly string[];
}

/** Which of a query's conditions its index covers. */
export function coverageOf(source: ListSource, query: SortedConditions): Coverage {
  const { columns, indexTable, prefix } = chooseIndex(source, query);
  const isCovered = (condition: Condition): boolean => {
    switch (condition.kind) {
      case 'has':
        return indexTable === condition.indexTable;
      case 'in':
        // With a parent on the same column, the parent either has that value or has no rows.
        return prefix.includes(condition) || (condition.column === source.parent && columns.includes(source.parent));
      case 'range':
      case 'startsWith':
        return condition.column === query.sort.column;
      case 'owned':
        return false;
    }
  };
  const isParentCovered = source.parent === undefined || columns.includes(source.parent);
  const rest = query.conditions.filter((condition) => !isCovered(condition));
  const names = rest.map((condition) => {
    if (condition.kind === 'owned') return 'owner';
    return condition.kind === 'has' ? condition.indexTable.valueColumn : condition.column;
  });
  return {
    covered: query.conditions.filter(isCovered),
    isParentCovered,
    uncovered: [...new Set(source.parent === undefined || isParentCovered ? names : [source.parent, ...names])],
  };
}
