import type { ReadStatement, SqlValue } from '../db/database.ts';
import type { Condition, ListQuery, PageQuery, Position } from './conditions.ts';
import { indexName, type Table } from './table.ts';

/** A list of a table's rows: all of them, or those of one parent. */
export interface ListSource {
  /** For counting statements and naming cursors, such as `Customer.orders`. */
  readonly name: string;
  readonly table: Table;
  /** The column that holds the parent's id; undefined for a list of everything. */
  readonly parent: string | undefined;
}

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
  const select = options.columns.map((name) => columnOf(source, name)).join(', ');
  const keyset = query.from === undefined ? [] : [beyond(shape, source, { query, from: query.from, descending })];
  const bounded = (order: readonly [string, string]) =>
    `ORDER BY ${order[0]} ${direction}, ${order[1]} ${direction} LIMIT ?`;
  const limit = BigInt(query.limit);
  // Parents differ in one value each, which is the first: the rest is worked out once.
  const parentValues = source.parent === undefined ? 0 : 1;
  const parts = shape.alternatives.map((alternative): Clause => {
    const where = whereAll([...parentIs(source, null), ...alternative, ...keyset]);
    return {
      sql: `SELECT ${select} ${shape.from}${where.sql} ${bounded(shape.sort)}`,
      values: [...where.values.slice(parentValues), limit],
    };
  });
  const isMerged = parts.length > 1;
  const sortName = source.table.columns[query.sort.column]?.sql ?? 'id';
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
      const where = whereAll([...parentIs(source, parent), ...alternative, keyset]);
      return {
        sql: `SELECT ? AS parent ${shape.from}${where.sql} LIMIT 1`,
        values: [idValue(parent), ...where.values],
      };
    }),
  );
  return { name: `${source.name} exists`, ...unionAll(branches) };
}

/** How many rows there are for each parent, counted up to `COUNT_BOUND` + 1: rows of (parent's id, count). */
export function countStatement(
  source: ListSource,
  query: ListQuery,
  parents: readonly (string | null)[],
): ReadStatement {
  const shape = listShape(source, query);
  const branches = parents.map((parent): Clause => {
    const parts = shape.alternatives.map((alternative): Clause => {
      const where = whereAll([...parentIs(source, parent), ...alternative]);
      return { sql: `SELECT 1 AS one ${shape.from}${where.sql} LIMIT ${COUNT_BOUND + 1}`, values: where.values };
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
}

function listShape(source: ListSource, query: ListQuery): ListShape {
  const labelled = query.conditions.find((condition) => condition.kind === 'labelled');
  return labelled === undefined ? plainShape(source, query) : sideShape(source, query, labelled);
}

/** Rows straight from the table's own index. */
function plainShape(source: ListSource, query: ListQuery): ListShape {
  const index = chooseIndex(source, query);
  const rest = query.conditions.filter((condition) => !index.prefix.some((used) => used === condition));
  const fixed = rest.flatMap((condition) => holds(source, condition));
  const alternatives = index.prefix.reduce<Clause[][]>(
    (so, { column, values }) =>
      so.flatMap((clauses) => values.map((value) => [...clauses, equals(source, column, value)])),
    [[]],
  );
  return {
    from: `FROM ${source.table.name} AS t FORCE INDEX (\`${index.name}\`)`,
    alternatives: alternatives.map((clauses) => clauses.concat(fixed)),
    sort: [columnOf(source, query.sort.column), 't.id'],
  };
}

/** Rows found by a side table's index, which holds the sort columns too. */
function sideShape(
  source: ListSource,
  query: ListQuery,
  labelled: Extract<Condition, { kind: 'labelled' }>,
): ListShape {
  const { side } = labelled;
  const { table } = source;
  const sort = table.columns[query.sort.column]?.sql ?? 'id';
  const index = indexName(side.name, [side.label, sort, side.key]);
  const rest = query.conditions.filter((condition) => condition !== labelled);
  return {
    from: `FROM ${side.name} AS k FORCE INDEX (\`${index}\`) STRAIGHT_JOIN ${table.name} AS t ON t.id = k.${side.key}`,
    alternatives: [
      [clauseOf(`k.${side.label} = ?`, labelled.value), ...rest.flatMap((condition) => holds(source, condition))],
    ],
    sort: [`k.${sort}`, `k.${side.key}`],
  };
}

type InCondition = Extract<Condition, { kind: 'in' }>;

/**
 * The index that gives the order, with the parent and as many equalities before it as there are. Named in the
 * statement, since a plan that the server finds cheaper by its statistics may read the whole list.
 */
function chooseIndex(source: ListSource, query: ListQuery): { name: string; prefix: readonly InCondition[] } {
  const { table } = source;
  const sort = query.sort.column;
  const lead = source.parent === undefined ? [] : [source.parent];
  const equalities = query.conditions.filter((condition) => condition.kind === 'in');
  const pairs = equalities.flatMap((a) => equalities.filter((b) => b !== a).map((b) => [a, b]));
  for (const prefix of [...pairs, ...equalities.map((a) => [a])]) {
    const columns = [...lead, ...prefix.map((condition) => condition.column), sort];
    const found = table.indexes.some((index) => index.join() === columns.join());
    if (found) return { name: sortedIndexName(table, columns), prefix };
  }
  // A value that few rows have finds them sooner than their parent does.
  const rare = equalities.find((condition) => table.rare?.includes(condition.column) === true);
  if (rare !== undefined) return { name: sortedIndexName(table, [rare.column, sort]), prefix: [rare] };
  if (lead.length === 0 && table.uniques.includes(sort))
    return { name: `${table.name}_${table.columns[sort]?.sql ?? sort}_key`, prefix: [] };
  return { name: sortedIndexName(table, [...lead, sort]), prefix: [] };
}

const sortedIndexName = (table: Table, columns: readonly string[]): string =>
  indexName(table.name, [...columns.map((name) => table.columns[name]?.sql ?? name), 'id']);

const clauseOf = (sql: string, ...values: SqlValue[]): Clause => ({ sql, values });

const equals = (source: ListSource, column: string, value: string): Clause =>
  clauseOf(`${columnOf(source, column)} = ?`, source.table.columns[column]?.encode(value) ?? value);

const whereAll = (clauses: readonly Clause[]): Clause => ({
  sql: clauses.length === 0 ? '' : ` WHERE ${clauses.map((part) => part.sql).join(' AND ')}`,
  values: clauses.flatMap((part) => part.values),
});

const columnOf = (source: ListSource, name: string): string => `t.${source.table.columns[name]?.sql ?? name}`;

function parentIs(source: ListSource, parent: string | null): Clause[] {
  return source.parent === undefined ? [] : [clauseOf(`${columnOf(source, source.parent)} = ?`, idValue(parent))];
}

function holds(source: ListSource, condition: Condition): Clause[] {
  if (condition.kind === 'labelled') return [];
  const name = columnOf(source, condition.column);
  const encode = (value: string): SqlValue => source.table.columns[condition.column]?.encode(value) ?? value;
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
      return [clauseOf(`${name} LIKE ? ESCAPE '|'`, `${condition.text.replaceAll(/[|%_]/g, '|$&')}%`)];
  }
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
