import type { Condition, ListQuery, ListSource } from './list-query.ts';
import { chooseIndex, coverageOf, narrowingSorts, type IndexChoice } from './index-choice.ts';
import {
  parentClause,
  conditionClauses,
  encoded,
  PARENT,
  whereAll,
  type ParentClause,
  type ColumnNames,
} from './clauses.ts';
import { OWNED_CUSTOMERS } from './row-rule.ts';
import { sqlName } from './table.ts';

/**
 * Up to how many rows of a parent that match a filter are all read and sorted, if the list's own index does not cover the filter.
 * For a page of P among T rows, reading W matching rows is cheaper than skipping those between while W is less than the root of
 * P * T, if they are spread evenly: 4,500 for a page of 20 of a million. But each probe reads up to as many entries for nothing
 * when more rows match, and twice so, so a statement for many parents has less for each of them.
 */
export const narrowRows = (parents: number): number => Math.max(100, Math.floor(1_000 / parents));

/**
 * How many SELECTs a statement with probes has at most. Two ranges, with all states and priorities of tickets, for 128 parents, would
 * have more placeholders than a prepared statement can.
 */
const MAX_PROBING_SELECTS = 256;

/** A way to read a list. */
export interface ListShape {
  readonly from: string;
  /** Without columns: what must hold for any row to be read this way. */
  readonly guards: readonly ParentClause[];
  /** The conditions of each SELECT: all conditions, once for each combination of values that is read by itself. */
  readonly alternatives: readonly (readonly ParentClause[])[];
  /** The columns for ORDER BY. The id is left out for a unique index, which cannot provide an order by both. */
  readonly order: readonly string[];
  readonly columnOf: ColumnNames;
}

/**
 * The ways to read a list, of which exactly one has rows to read. The first is by the index that provides the order, and skips what
 * does not match. The others are for indexes that cover more conditions: each reads all that its index has, and sorts it, if
 * that is little. Probes of these indexes, which read no more than that either, decide: both servers evaluate conditions without
 * columns first, and read nothing where one is false.
 * @param options.ordered whether the first provides the order: then several values of its prefix are read by themselves
 */
export function listShapes(
  source: ListSource,
  query: ListQuery,
  { ordered, parents }: { ordered: boolean; parents: number },
): [ListShape, ...ListShape[]] {
  const choice = chooseIndex(source, query);
  const own = shapeOf(source, query, { choice, split: ordered ? choice.prefix : [] });
  const byOwner = ownedShape(source, query, narrowRows(own.alternatives.length));
  // However many they are, there are fewer of them than of all.
  if (!ordered && byOwner !== undefined) return [{ ...byOwner, guards: [] }];
  const mayProbe = own.alternatives.length * parents <= MAX_PROBING_SELECTS;
  const narrow = (mayProbe ? narrowingSorts(source, query) : []).map((sort) => ({
    ...shapeOf(source, query, { choice: chooseIndex(source, { ...query, sort }), split: [] }),
    probe: probeOf(source, { ...query, sort }, narrowRows(parents)),
  }));
  const others = [...(byOwner === undefined ? [] : [byOwner]), ...narrow].map(({ probe, ...shape }) => ({
    ...shape,
    isFew: parentClause(`(${probe.sql}) IS NULL`, ...probe.values),
    isMany: parentClause(`(${probe.sql}) IS NOT NULL`, ...probe.values),
  }));
  const many = others.map(({ isMany }) => isMany);
  return [
    { ...own, guards: many },
    ...others.map((shape, i) => ({ ...shape, guards: [...many.slice(0, i), shape.isFew] })),
  ];
}

/** Null unless more than `limit` entries of an index match the conditions that it covers. */
function probeOf(source: ListSource, query: ListQuery, limit: number): ParentClause {
  const choice = chooseIndex(source, query);
  const { covered, isParentCovered } = coverageOf(source, query);
  const columnOf = namesOf(source, choice);
  const where = whereAll([
    ...(isParentCovered ? parentIs(columnOf, source) : []),
    ...covered.flatMap((condition) => conditionClauses(source, columnOf, condition)),
  ]);
  return { ...where, sql: `SELECT 1 FROM ${indexed(source, choice)}${where.sql} LIMIT 1 OFFSET ${limit}` };
}

function shapeOf(
  source: ListSource,
  query: ListQuery,
  { choice, split }: { choice: IndexChoice; split: IndexChoice['prefix'] },
): Omit<ListShape, 'guards'> {
  const columnOf = namesOf(source, choice);
  const fixed = query.conditions
    .filter((condition) => !split.some((used) => used === condition))
    .flatMap((condition) => conditionClauses(source, columnOf, condition));
  const alternatives = split.reduce<ParentClause[][]>(
    (branches, { column, values }) =>
      branches.flatMap((clauses) =>
        values.map((value) => [...clauses, parentClause(`${columnOf(column)} = ?`, encoded(source, column, value))]),
      ),
    [parentIs(columnOf, source)],
  );
  const order = [columnOf(query.sort.column), columnOf('id')];
  return {
    from: fromClause(source, query, choice),
    alternatives: alternatives.map((clauses) => clauses.concat(fixed)),
    order: choice.isUnique ? order.slice(0, 1) : order,
    columnOf,
  };
}

/**
 * Reads a list of rows that belong to one agent's customers by these customers. The probe is null unless more than `limit` of them, or
 * of their rows, match the conditions that an index covers.
 */
function ownedShape(
  source: ListSource,
  query: ListQuery,
  limit: number,
): (Omit<ListShape, 'guards'> & { readonly probe: ParentClause }) | undefined {
  const rule = query.conditions.find((condition) => condition.kind === 'owned');
  const { customerColumn } = source.table;
  if (rule === undefined || customerColumn === undefined || source.parent !== undefined) return undefined;
  const ofCustomer = { ...source, parent: customerColumn };
  const rest = { ...query, conditions: query.conditions.filter((condition) => condition !== rule) };
  const choice = chooseIndex(ofCustomer, rest);
  const columnOf = namesOf(source, choice);
  const isOwned = parentClause(OWNED_CUSTOMERS.where, BigInt(rule.owner));
  const from = `FROM ${OWNED_CUSTOMERS.from} STRAIGHT_JOIN ${indexed(source, choice)} ON ${columnOf(customerColumn)} = o.id`;
  const all = (conditions: readonly Condition[]) => [
    isOwned,
    ...conditions.flatMap((condition) => conditionClauses(source, columnOf, condition)),
  ];
  const covered = whereAll(all(coverageOf(ofCustomer, rest).covered));
  const past = `LIMIT 1 OFFSET ${limit}`;
  const hasManyCustomers = `(SELECT 1 FROM ${OWNED_CUSTOMERS.from} WHERE ${isOwned.sql} ${past})`;
  const hasManyRows = `(SELECT 1 ${from}${covered.sql} ${past})`;
  return {
    from,
    alternatives: [all(rest.conditions)],
    order: [columnOf(query.sort.column), columnOf('id')],
    columnOf,
    // In this order: many customers may have few rows, and all of them would be read to find that out.
    probe: parentClause(
      `CASE WHEN ${hasManyCustomers} IS NULL THEN ${hasManyRows} ELSE 1 END`,
      ...isOwned.values,
      ...covered.values,
    ),
  };
}

const parentIs = (columnOf: ColumnNames, { parent }: ListSource): ParentClause[] =>
  parent === undefined ? [] : [parentClause(`${columnOf(parent)} = ?`, PARENT)];

/** The table that an index is on. */
const indexed = ({ table }: ListSource, { name, indexTable }: IndexChoice): string =>
  `${indexTable === undefined ? `${table.name} AS t` : `${indexTable.name} AS i`} FORCE INDEX (\`${name}\`)`;

/**
 * An index table's index holds the columns that it duplicates, and leads to the rows. An index of the list's own table leads to the
 * index table's row, if there is such a condition. Either's primary key is forced: otherwise MariaDB would, for each entry, read all
 * rows that match another condition.
 */
function fromClause(source: ListSource, { conditions }: ListQuery, choice: IndexChoice): string {
  const from = `FROM ${indexed(source, choice)}`;
  const membership = conditions.find((condition) => condition.kind === 'has');
  if (membership === undefined) return from;
  const { name, key } = membership.indexTable;
  const joined = choice.indexTable === undefined ? `${name} AS i` : `${source.table.name} AS t`;
  return `${from} STRAIGHT_JOIN ${joined} FORCE INDEX (PRIMARY) ON t.id = i.${key}`;
}

function namesOf(source: ListSource, { indexTable, columns }: IndexChoice): ColumnNames {
  if (indexTable === undefined) return (name) => `t.${sqlName(source.table, name)}`;
  return (name) => {
    if (name === 'id') return `i.${indexTable.key}`;
    return `${columns.includes(name) ? 'i' : 't'}.${sqlName(source.table, name)}`;
  };
}
