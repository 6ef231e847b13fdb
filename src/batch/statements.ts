import type { ReadStatement, SqlValue } from '../db/database.ts';
import {
  parentClause,
  orderBy,
  PARENT,
  positionIs,
  seekCondition,
  unionAll,
  whereAll,
  type ParentClause,
} from './clauses.ts';
import { countingSort } from './index-choice.ts';
import type { ListQuery, ListSource, PageQuery, Position } from './list-query.ts';
import { listShapes, type ListShape } from './list-shape.ts';
import { sqlName } from './table.ts';

/** How many rows `totalCount` counts at most. */
export const COUNT_BOUND = 10_000;

type Parents = readonly (string | null)[];

/**
 * A page for each parent: LIMITed SELECTs joined by UNION ALL, each of which reads only its page from an index, however many
 * rows the parent has. Rows come as `columns`, perhaps with one more behind, grouped by parent, in the list's order. A null parent stands for no rows
 * (padding), or, in a list without parents, for the whole table.
 */
export function pageStatement(
  source: ListSource,
  query: PageQuery,
  options: { columns: readonly string[]; parents: Parents },
): ReadStatement {
  const shapes = listShapes(source, query, { ordered: true, parents: options.parents.length });
  const { from } = query;
  const descending = query.sort.descending !== query.backward;
  // Only one shape finds rows, so their pages need no merging.
  const isMerged = shapes.some(({ alternatives }) => alternatives.length > 1);
  const names = isMerged ? [...new Set([...options.columns, query.sort.column])] : options.columns;
  const select = names.map((name) => `t.${sqlName(source.table, name)}`).join(', ');
  const limit = BigInt(query.limit);
  const parts = shapes.flatMap((shape) => {
    const keyset = from === undefined ? [] : [seekCondition(shape.columnOf, source, { query, from, descending })];
    return shape.alternatives.map((alternative): ParentClause => {
      const where = whereAll([...shape.guards, ...alternative, ...keyset]);
      const order = orderBy(shape.order, descending);
      return parentClause(`SELECT ${select} ${shape.from}${where.sql} ${order} LIMIT ?`, ...where.values, limit);
    });
  });
  if (!isMerged) return statementFor(`${source.name} page`, parts, options.parents);
  const order = orderBy([`u.${sqlName(source.table, query.sort.column)}`, 'u.id'], descending);
  const all = unionAll(parts);
  const merged = parentClause(`SELECT * FROM (${all.sql}) AS u ${order} LIMIT ?`, ...all.values, limit);
  return statementFor(`${source.name} page`, [merged], options.parents);
}

/**
 * Whether any row is at or beyond a position, for each parent: one or more rows with the parent's id if so. It reads away from the
 * position, since rows that match are more likely there (the position's own is one) than at the far end of the list.
 */
export function existsStatement(
  source: ListSource,
  query: ListQuery,
  { from, backward, parents }: { from: Position; backward: boolean; parents: Parents },
): ReadStatement {
  const descending = query.sort.descending !== backward;
  const shapes = listShapes(source, query, { ordered: true, parents: parents.length });
  // Usually the position's own row is still there, and nothing need be probed.
  const own = shapes.length === 1 ? [] : rowsAt(shapes[0], source, { query, from });
  const { sql, values } = unionAll(own);
  const isGone = own.length === 0 ? [] : [parentClause(`NOT EXISTS (${sql})`, ...values)];
  const others = shapes.flatMap((shape) => {
    const keyset = seekCondition(shape.columnOf, source, { query, from, descending, inclusive: true });
    return shape.alternatives.map((alternative): ParentClause => {
      const where = whereAll([...isGone, ...shape.guards, ...alternative, keyset]);
      const order = orderBy(shape.order, descending);
      return parentClause(`SELECT ? AS parent ${shape.from}${where.sql} ${order} LIMIT 1`, PARENT, ...where.values);
    });
  });
  return statementFor(`${source.name} exists`, [...own, ...others], parents);
}

/** The row at a position, if it is still there: one SELECT for each alternative, of which at most one has it. */
function rowsAt(
  shape: ListShape,
  source: ListSource,
  { query, from }: { query: ListQuery; from: Position },
): readonly ParentClause[] {
  const isThere = positionIs(shape.columnOf, source, { query, from });
  return shape.alternatives.map((alternative): ParentClause => {
    const where = whereAll([...alternative, isThere]);
    return parentClause(`SELECT ? AS parent ${shape.from}${where.sql}`, PARENT, ...where.values);
  });
}

/**
 * How many rows each parent has, counted up to `limit`, as rows of (parent's id, count). A count needs no order, so several values
 * are one read of several ranges of the index, with one bound for all.
 */
export function countStatement(
  source: ListSource,
  query: ListQuery,
  { limit, parents }: { limit: number; parents: Parents },
): ReadStatement {
  const counted = { ...query, sort: countingSort(source, query) };
  const rows = unionAll(
    listShapes(source, counted, { ordered: false, parents: parents.length }).flatMap((shape) =>
      shape.alternatives.map((alternative): ParentClause => {
        const where = whereAll([...shape.guards, ...alternative]);
        return { ...where, sql: `SELECT 1 AS one ${shape.from}${where.sql} LIMIT ${limit}` };
      }),
    ),
  );
  const count = parentClause(`SELECT ? AS parent, COUNT(*) AS n FROM (${rows.sql}) AS c`, PARENT, ...rows.values);
  return statementFor(`${source.name} count`, [count], parents);
}

/** A statement of some SELECTs for each parent. */
function statementFor(name: string, selects: readonly ParentClause[], parents: Parents): ReadStatement {
  const { sql } = unionAll(parents.flatMap(() => selects));
  const values = parents.flatMap((parent): SqlValue[] => {
    const id = parent === null ? null : BigInt(parent);
    return selects.flatMap((select) => select.values.map((value) => (value === PARENT ? id : value)));
  });
  return { name, sql, values };
}
