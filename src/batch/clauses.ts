import type { SqlValue } from '../db/database.ts';
import { ownerOf } from './row-rule.ts';
import type { Condition, ListQuery, ListSource, Position } from './list-query.ts';

/** Stands for the parent's id in a clause: statements for many parents differ in nothing else. */
export const PARENT = Symbol('parent');

/** A piece of SQL with the values of its placeholders. */
export interface Clause<Value = SqlValue> {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** A clause that may depend on the parent. */
export type ParentClause = Clause<SqlValue | typeof PARENT>;

export const clauseOf = (sql: string, ...values: readonly SqlValue[]): Clause => ({ sql, values });
export const parentClause = (sql: string, ...values: ParentClause['values']): ParentClause => ({ sql, values });

/** ` WHERE ...`; empty for no clauses. */
export const whereAll = <Value>(clauses: readonly Clause<Value>[]): Clause<Value> => ({
  sql: clauses.length === 0 ? '' : ` WHERE ${clauses.map((part) => part.sql).join(' AND ')}`,
  values: clauses.flatMap((part) => part.values),
});

/**
 * Without an outer ORDER BY, both servers return the rows of a UNION ALL one SELECT after the other, each in its own order. The
 * tests of connections verify that.
 */
export function unionAll<Value>(selects: readonly Clause<Value>[]): Clause<Value> {
  const [only] = selects;
  if (only !== undefined && selects.length === 1) return only;
  return {
    sql: selects.map((select) => `(${select.sql})`).join(' UNION ALL '),
    values: selects.flatMap((select) => select.values),
  };
}

export const orderBy = (columns: readonly string[], descending: boolean): string =>
  `ORDER BY ${columns.map((column) => `${column} ${descending ? 'DESC' : 'ASC'}`).join(', ')}`;

/** The qualified name of a column of a list's table, taken from the index table if its index has the column. */
export type ColumnNames = (name: string) => string;

/** A value of a column, as a statement takes it. */
export const encoded = ({ table }: ListSource, name: string, value: string): SqlValue =>
  table.columns[name]?.encode(value) ?? value;

/** What a row must satisfy for a condition. */
export function conditionClauses(source: ListSource, columnOf: ColumnNames, condition: Condition): Clause[] {
  if (condition.kind === 'has') return [clauseOf(`i.${condition.indexTable.valueColumn} = ?`, condition.value)];
  if (condition.kind === 'owned') return [clauseOf(`${ownerOf(source.table, columnOf)} = ?`, BigInt(condition.owner))];
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
export function seekCondition(
  columnOf: ColumnNames,
  source: ListSource,
  options: { query: ListQuery; from: Position; descending: boolean; inclusive?: boolean },
): Clause {
  const { query, from, descending } = options;
  const [sort, sortId] = [columnOf(query.sort.column), columnOf('id')];
  const column = source.table.columns[query.sort.column];
  const than = descending ? '<' : '>';
  const thanId = options.inclusive === true ? `${than}=` : than;
  const rowId = BigInt(from.id);
  if (from.value === null) {
    // Not IS NULL: MariaDB would treat the column as a constant, drop it from the order, and sort all nulls.
    const same = `(${sort} <=> NULL AND ${sortId} ${thanId} ?)`;
    return clauseOf(descending ? same : `(${sort} IS NOT NULL OR ${same})`, rowId);
  }
  const value = valueAt(source, query, from);
  const nulls = descending && column?.nullable === true ? ` OR ${sort} IS NULL` : '';
  return clauseOf(`(${sort} ${than} ? OR (${sort} = ? AND ${sortId} ${thanId} ?)${nulls})`, value, value, rowId);
}

/** Rows at a position: at most one. */
export function positionIs(
  columnOf: ColumnNames,
  source: ListSource,
  { query, from }: { query: ListQuery; from: Position },
): Clause {
  const value = valueAt(source, query, from);
  return clauseOf(`(${columnOf(query.sort.column)} <=> ? AND ${columnOf('id')} = ?)`, value, BigInt(from.id));
}

/** A position's value, as a statement takes it. */
function valueAt({ table }: ListSource, { sort }: ListQuery, { value }: Position): SqlValue {
  return value === null ? null : (table.columns[sort.column]?.encode(value) ?? value);
}
