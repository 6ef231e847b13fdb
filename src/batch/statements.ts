import type { ReadStatement, SqlValue } from '../db/database.ts';
import type { Condition, ListQuery, ListSource, PageQuery, Position } from './conditions.ts';
import { chooseIndex, countingSort, type IndexChoice } from './index-choice.ts';

/** The most rows that `totalCount` counts. */
export const COUNT_BOUND = 10_000;

interface Clause {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/**
 * A page for each parent: bounded SELECTs joined by UNION ALL, each of which reads no more than its page from an index,
 * however many rows the parent has. Rows come as `columns`, parent by parent, in the order asked.
 * A null parent stands for no rows (padding), or for the whole table in a list without parents.
 */
export function pageStatement(
  source: ListSource,
  query: PageQuery,
  options: { columns: readonly string[]; parents: readonly (string | null)[] },
): ReadStatement {
  const shape = listShape(source, query);
  const descending = query.sort.descending !== query.backward;
  const direction = descending ? 'DESC' : 'ASC';
  const select = options.columns.map((name) => `t.${sqlName(source, name)}`).join(', ');
  const keyset = query.from === undefined ? [] : [beyond(shape, source, { query, from: query.from, descending })];
  const bounded = (order: readonly string[]) =>
    `ORDER BY ${order.map((column) => `${column} ${direction}`).join(', ')} LIMIT ?`;
  const limit = BigInt(query.limit);
  // Parents differ in one value each, which is the first: the rest is worked out once.
  const parentValues = source.parent === undefined ? 0 : 1;
  const parts = shape.alternatives.map((alternative): Clause => {
    const where = whereAll([...parentIs(shape, source, null), ...alternative, ...keyset]);
    return {
      sql: `SELECT ${select} ${shape.from}${where.sql} ${bounded(shape.order)}`,
      values: [...where.values.slice(parentValues), limit],
    };
  });
  const isMerged = parts.length > 1;
  const sortName = sqlName(source, query.sort.column);
  const union = unionAll(parts).sql;
  const sql = isMerged ? `SELECT * FROM (${union}) AS u ${bounded([`u.${sortName}`, 'u.id'])}` : union;
  const branches = options.parents.map((parent): Clause => {
    const values = parts.flatMap((part) => (parentValues === 0 ? part.values : [idValue(parent), ...part.values]));
    return { sql, values: isMerged ? [...values, limit] : values };
  });
  return { name: `${source.name} page`, ...unionAll(branches) };
}

/** Whether anything lies at or beyond a position, for each parent: one or more rows with the parent's id if so. */
export function existsStatement(
  source: ListSource,
  query: ListQuery,
  options: { from: Position; backward: boolean; parents: readonly (string | null)[] },
): ReadStatement {
  const shape = listShape(source, query);
  const descending = query.sort.descending !== options.backward;
  const keyset = beyond(shape, source, { query, from: options.from, descending, inclusive: true });
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

/** How many rows there are for each parent, counted up to `most`: rows of (parent's id, count). */
export function countStatement(
  source: ListSource,
  query: ListQuery,
  { most, parents }: { most: number; parents: readonly (string | null)[] },
): ReadStatement {
  const shape = listShape(source, { ...query, sort: countingSort(source, query) });
  const branches = parents.map((parent): Clause => {
    const parts = shape.alternatives.map((alternative): Clause => {
      const where = whereAll([...parentIs(shape, source, parent), ...alternative]);
      return { sql: `SELECT 1 AS one ${shape.from}${where.sql} LIMIT ${most}`, values: where.values };
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
 * Both servers give the rows of a UNION ALL without an ORDER BY of its own SELECT by SELECT, each in its own order;
 * the tests of connections hold them to it.
 */
function unionAll(selects: readonly Clause[]): Clause {
  const [only] = selects;
  if (only !== undefined && selects.length === 1) return only;
  return {
    sql: selects.map((select) => `(${select.sql})`).join(' UNION ALL '),
    values: selects.flatMap((select) => select.values),
  };
}

interface ListShape {
  readonly from: string;
  /** Conditions that hold for every row, once for each combination of values in the index's prefix. */
  readonly alternatives: readonly (readonly Clause[])[];
  /** What to sort by: the sort column and the id. */
  readonly sort: readonly [string, string];
  /** The same less what the index does not need: it knows a unique column's order without the id and no other. */
  readonly order: readonly string[];
  /** How a column of the list's table is called; one that the index holds, by the name that the index has it under. */
  readonly columnOf: (name: string) => string;
}

function listShape(source: ListSource, query: ListQuery): ListShape {
  const choice = chooseIndex(source, query);
  const columnOf = namesOf(source, choice);
  const fixed = query.conditions
    .filter((condition) => !choice.prefix.some((used) => used === condition))
    .flatMap((condition) => holds(source, columnOf, condition));
  const sort = [columnOf(query.sort.column), columnOf('id')] as const;
  const alternatives = choice.prefix.reduce<Clause[][]>(
    (so, { column, values }) =>
      so.flatMap((clauses) =>
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
 * A side table's index leads to the rows, and holds the columns that it repeats. The rows' index is named too: MariaDB
 * would read all that meet another condition for each entry.
 */
function fromClause({ table }: ListSource, { name, side }: IndexChoice): string {
  if (side === undefined) return `FROM ${table.name} AS t FORCE INDEX (\`${name}\`)`;
  return `FROM ${side.name} AS k FORCE INDEX (\`${name}\`) STRAIGHT_JOIN ${table.name} AS t FORCE INDEX (PRIMARY) ON t.id = k.${side.key}`;
}

function namesOf(source: ListSource, { side, columns }: IndexChoice): ListShape['columnOf'] {
  if (side === undefined) return (name) => `t.${sqlName(source, name)}`;
  return (name) => {
    if (name === 'id') return `k.${side.key}`;
    return `${columns.includes(name) ? 'k' : 't'}.${sqlName(source, name)}`;
  };
}

const clauseOf = (sql: string, ...values: SqlValue[]): Clause => ({ sql, values });

const sqlName = ({ table }: ListSource, name: string): string => table.columns[name]?.sql ?? name;

const encoded = ({ table }: ListSource, name: string, value: string): SqlValue =>
  table.columns[name]?.encode(value) ?? value;

const whereAll = (clauses: readonly Clause[]): Clause => ({
  sql: clauses.length === 0 ? '' : ` WHERE ${clauses.map((part) => part.sql).join(' AND ')}`,
  values: clauses.flatMap((part) => part.values),
});

function parentIs(shape: ListShape, source: ListSource, parent: string | null): Clause[] {
  return source.parent === undefined ? [] : [clauseOf(`${shape.columnOf(source.parent)} = ?`, idValue(parent))];
}

function holds(source: ListSource, columnOf: ListShape['columnOf'], condition: Condition): Clause[] {
  if (condition.kind === 'labelled') return [clauseOf(`k.${condition.side.label} = ?`, condition.value)];
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
 * What a text that begins with another lies between, in the order of its collation. Of all characters, the last one weighs
 * most. A tab weighs less than a space, which stands behind every text as far as the collation is concerned, and so do
 * other breaks of lines: behind the prefix, what begins with some comes before the prefix itself.
 */
const LOWEST = '\t\t\t\t';
const HIGHEST = '\u{10ffff}';

/**
 * Not LIKE: it compares character by character, by which `Weiß` does not begin with `WEISS`, though they are equal where
 * names are compared and sorted.
 */
function beginsWith(name: string, texts: readonly string[]): Clause {
  const spans = texts.map(() => `(${name} >= ? AND ${name} < ?)`).join(' OR ');
  return clauseOf(`(${spans})`, ...texts.flatMap((text) => [`${text}${LOWEST}`, `${text}${HIGHEST}`]));
}

/**
 * Rows beyond a position. Written with OR, which both servers turn into ranges of the index; a row comparison
 * `(a, b) > (x, y)` they do not. MySQL sorts nulls before everything else.
 */
function beyond(
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
    // Not IS NULL: MariaDB would then take the column for a constant, drop it from the order, and sort all nulls.
    const same = `(${sort} <=> NULL AND ${sortId} ${thanId} ?)`;
    return clauseOf(descending ? same : `(${sort} IS NOT NULL OR ${same})`, rowId);
  }
  const value: SqlValue = column?.encode(from.value) ?? from.value;
  const nulls = descending && column?.nullable === true ? ` OR ${sort} IS NULL` : '';
  return clauseOf(`(${sort} ${than} ? OR (${sort} = ? AND ${sortId} ${thanId} ?)${nulls})`, value, value, rowId);
}
