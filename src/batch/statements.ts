import type { ReadStatement, SqlValue } from '../db/database.ts';
import type { Condition, ListQuery, ListSource, PageQuery, Position } from './list-query.ts';
import { chooseIndex, countingSort, type IndexChoice } from './index-choice.ts';
import { sqlName } from './table.ts';

/** How many rows `totalCount` counts at most. */
export const COUNT_BOUND = 10_000;

export interface Clause {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/**
 * A page for each parent: LIMITed SELECTs joined by UNION ALL, each of which reads only its page from an index, however many
 * rows the parent has. Rows come as `columns`, grouped by parent, in the list's order. A null parent stands for no rows
 * (padding), or, in a list without parents, for the whole table.
 */
export function pageStatement(
  source: ListSource,
  query: PageQuery,
  options: { columns: readonly string[]; parents: readonly (string | null)[] },
): ReadStatement {
  const shape = listShape(source, query);
  const descending = query.sort.descending !== query.backward;
  const direction = descending ? 'DESC' : 'ASC';
  const select = options.columns.map((name) => `t.${sqlName(source.table, name)}`).join(', ');
  const keyset =
    query.from === undefined ? [] : [seekCondition(shape, source, { query, from: query.from, descending })];
  const bounded = (order: readonly string[]) =>
    `ORDER BY ${order.map((column) => `${column} ${direction}`).join(', ')} LIMIT ?`;
  const limit = BigInt(query.limit);
  // Parents differ only in their first value, so the rest is computed once.
  const parentValues = source.parent === undefined ? 0 : 1;
  const parts = shape.alternatives.map((alternative): Clause => {
    const where = whereAll([...parentIs(shape, source, null), ...alternative, ...keyset]);
    return {
      sql: `SELECT ${select} ${shape.from}${where.sql} ${bounded(shape.order)}`,
      values: [...where.values.slice(parentValues), limit],
    };
  });
  const isMerged = parts.length > 1;
  const sortName = sqlName(source.table, query.sort.column);
  const union = unionAll(parts).sql;
  const sql = isMerged ? `SELECT * FROM (${union}) AS u ${bounded([`u.${sortName}`, 'u.id'])}` : union;
  const branches = options.parents.map((parent): Clause => {
    const values = parts.flatMap((part) => (parentValues === 0 ? part.values : [idValue(parent), ...part.values]));
    return { sql, values: isMerged ? [...values, limit] : values };
  });
  return { name: `${source.name} page`, ...unionAll(branches) };
}

/** Whether any row is at or beyond a position, for each parent: one or more rows with the parent's id if so. */
export function existsStatement(
  source: ListSource,
  query: ListQuery,
  options: { from: Position; backward: boolean; parents: readonly (string | null)[] },
): ReadStatement {
  const shape = listShape(source, query);
  const descending = query.sort.descending !== options.backward;
  const keyset = seekCondition(shape, source, { query, from: options.from, descending, inclusive: true });
  const branches = options.parents.flatMap((parent) =>
    shape.alternatives.map((alternative): Clause => {
      const where = whereAll([...parentIs(shape, source, parent), ...alternative, keyset]);
      return {
        sql: `SELECT ? AS parent ${shape.from}${where.sql} LIMIT 1`,
        values: [idValue(parent), ...where.values],
      };
    }),
  );
  return { name: `${source.name} exists`, ...unionAll(branches) };
}

/** How many rows each parent has, counted up to `limit`, as rows of (parent's id, count). */
export function countStatement(
  source: ListSource,
  query: ListQuery,
  { limit, parents }: { limit: number; parents: readonly (string | null)[] },
): ReadStatement {
  const shape = listShape(source, { ...query, sort: countingSort(source, query) });
  const branches = parents.map((parent): Clause => {
    const parts = shape.alternatives.map((alternative): Clause => {
      const where = whereAll([...parentIs(shape, source, parent), ...alternative]);
      return { sql: `SELECT 1 AS one ${shape.from}${where.sql} LIMIT ${limit}`, values: where.values };
    });
    const rows = unionAll(parts);
    return {
      sql: `SELECT ? AS parent, COUNT(*) AS n FROM (${rows.sql}) AS c`,
      values: [idValue(parent), ...rows.values],
    };
  });
  return { name: `${source.name} count`, ...unionAll(branches) };
}

const idValue = (parent: string | null): SqlValue => (parent === null ? null : BigInt(parent));

/**
 * Without an outer ORDER BY, both servers return the rows of a UNION ALL one SELECT after the other, each in its own order. The
 * tests of connections verify that.
 */
export function unionAll(selects: readonly Clause[]): Clause {
  const [only] = selects;
  if (only !== undefined && selects.length === 1) return only;
  return {
    sql: selects.map((select) => `(${select.sql})`).join(' UNION ALL '),
    values: selects.flatMap((select) => select.values),
  };
}

interface ListShape {
  readonly from: string;
  /** The conditions of each branch: all conditions, once for each combination of values in the index's prefix. */
  readonly alternatives: readonly (readonly Clause[])[];
  /** The sort columns: the list's own and the id. */
  readonly sort: readonly [string, string];
  /** The columns for ORDER BY. The id is left out for a unique index, which cannot provide an order by both. */
  readonly order: readonly string[];
  /** The qualified name of a column of the list's table, taken from the index table if its index has the column. */
  readonly columnOf: (name: string) => string;
}

function listShape(source: ListSource, query: ListQuery): ListShape {
  const choice = chooseIndex(source, query);
  const columnOf = namesOf(source, choice);
  const fixed = query.conditions
    .filter((condition) => !choice.prefix.some((used) => used === condition))
    .flatMap((condition) => conditionClauses(source, columnOf, condition));
  const sort = [columnOf(query.sort.column), columnOf('id')] as const;
  const alternatives = choice.prefix.reduce<Clause[][]>(
    (branches, { column, values }) =>
      branches.flatMap((clauses) =>
        values.map((value) => [...clauses, clauseOf(`${columnOf(column)} = ?`, encoded(source, column, value))]),
      ),
    [[]],
  );
  return {
    from: fromClause(source, choice),
    alternatives: alternatives.map((clauses) => clauses.concat(fixed)),
    sort,
    order: choice.isUnique ? sort.slice(0, 1) : sort,
    columnOf,
  };
}

/**
 * An index table's index holds the columns that it duplicates, and leads to the rows. The main table's index is forced too:
 * otherwise MariaDB would, for each entry, read all rows that match another condition.
 */
function fromClause({ table }: ListSource, { name, indexTable }: IndexChoice): string {
  if (indexTable === undefined) return `FROM ${table.name} AS t FORCE INDEX (\`${name}\`)`;
  return `FROM ${indexTable.name} AS i FORCE INDEX (\`${name}\`) STRAIGHT_JOIN ${table.name} AS t FORCE INDEX (PRIMARY) ON t.id = i.${indexTable.key}`;
}

function namesOf(source: ListSource, { indexTable, columns }: IndexChoice): ListShape['columnOf'] {
  if (indexTable === undefined) return (name) => `t.${sqlName(source.table, name)}`;
  return (name) => {
    if (name === 'id') return `i.${indexTable.key}`;
    return `${columns.includes(name) ? 'i' : 't'}.${sqlName(source.table, name)}`;
  };
}

export const clauseOf = (sql: string, ...values: SqlValue[]): Clause => ({ sql, values });

const encoded = ({ table }: ListSource, name: string, value: string): SqlValue =>
  table.columns[name]?.encode(value) ?? value;

export const whereAll = (clauses: readonly Clause[]): Clause => ({
  sql: clauses.length === 0 ? '' : ` WHERE ${clauses.map((part) => part.sql).join(' AND ')}`,
  values: clauses.flatMap((part) => part.values),
});

function parentIs(shape: ListShape, source: ListSource, parent: string | null): Clause[] {
  return source.parent === undefined ? [] : [clauseOf(`${shape.columnOf(source.parent)} = ?`, idValue(parent))];
}

function conditionClauses(source: ListSource, columnOf: ListShape['columnOf'], condition: Condition): Clause[] {
  if (condition.kind === 'has') return [clauseOf(`i.${condition.indexTable.valueColumn} = ?`, condition.value)];
  const name = columnOf(condition.column);
  const encode = (value: string): SqlValue => encoded(source, condition.column, value);
  switch (condition.kind) {
    case 'in': {
      const marks = condition.values.map(() => '?').join(', ');
      return [clauseOf(`${name} IN (${marks})`, ...condition.values.map(encode))];
    }
    case 'range':
      return [
        ...(condition.from === null ? [] : [clauseOf(`${name} >= ?`, encode(condition.from))]),
        ...(condition.to === null ? [] : [clauseOf(`${name} < ?`, encode(condition.to))]),
      ];
    case 'startsWith':
      return [beginsWith(name, condition.texts)];
  }
}

/**
 * Bounds of the texts that begin with a prefix, in the collation's order. The highest character has the greatest weight. The
 * collation pads every text with spaces, which weigh more than tabs and line breaks: a prefix followed by some of these sorts
 * before the prefix itself.
 */
const LOWEST = '\t\t\t\t';
const HIGHEST = '\u{10ffff}';

/**
 * Not LIKE, which compares character by character: by that, `Weiß` does not begin with `WEISS`, though the two are equal when
 * names are compared and sorted.
 */
export function beginsWith(name: string, texts: readonly string[]): Clause {
  const spans = texts.map(() => `(${name} >= ? AND ${name} < ?)`).join(' OR ');
  return clauseOf(`(${spans})`, ...texts.flatMap((text) => [`${text}${LOWEST}`, `${text}${HIGHEST}`]));
}

/**
 * Rows beyond a position (keyset pagination). Both servers turn this OR into index ranges, but not a row comparison such as
 * `(a, b) > (x, y)`. MySQL sorts nulls first.
 */
function seekCondition(
  shape: ListShape,
  source: ListSource,
  options: { query: ListQuery; from: Position; descending: boolean; inclusive?: boolean },
): Clause {
  const { query, from, descending } = options;
  const [sort, sortId] = shape.sort;
  const column = source.table.columns[query.sort.column];
  const than = descending ? '<' : '>';
  const thanId = options.inclusive === true ? `${than}=` : than;
  const rowId = BigInt(from.id);
  if (from.value === null) {
    // Not IS NULL: MariaDB would treat the column as a constant, drop it from the order, and sort all nulls.
    const same = `(${sort} <=> NULL AND ${sortId} ${thanId} ?)`;
    return clauseOf(descending ? same : `(${sort} IS NOT NULL OR ${same})`, rowId);
  }
  const value: SqlValue = column?.encode(from.value) ?? from.value;
  const nulls = descending && column?.nullable === true ? ` OR ${sort} IS NULL` : '';
  return clauseOf(`(${sort} ${than} ? OR (${sort} = ? AND ${sortId} ${thanId} ?)${nulls})`, value, value, rowId);
}
