import { sqlName, type ChildTable } from '../../batch/table.ts';
import type { Check } from './check.ts';

/** The number of rows, which reads are limited to. */
const atMost = ({ table, owner, maxRows }: List): Check => ({
  table,
  field: 'rows',
  sql: (within) => `
    SELECT ${owner}, 'at most ${maxRows}' AS expected, COUNT(*) AS found FROM ${table} FORCE INDEX (PRIMARY)
    WHERE ${within(owner)} GROUP BY ${owner} HAVING COUNT(*) > ${maxRows}`,
});

/** Positions must count from 0 without gaps; the key already rules out duplicates. */
const inSequence = ({ table, owner }: List): Check => ({
  table,
  field: 'position',
  sql: (within) => `
    SELECT ${owner}, CONCAT('0 to ', COUNT(*) - 1) AS expected, GROUP_CONCAT(position ORDER BY position) AS found
    FROM ${table} FORCE INDEX (PRIMARY)
    WHERE ${within(owner)} GROUP BY ${owner} HAVING MIN(position) <> 0 OR MAX(position) <> COUNT(*) - 1`,
});

interface List {
  readonly table: string;
  /** The column of the row that the list belongs to. */
  readonly owner: string;
  readonly maxRows: number;
}

/** The checks of a child table, by the column of its parent. */
export function childListChecks(child: ChildTable): Check[] {
  const list = { table: child.name, owner: sqlName(child, child.parent), maxRows: child.maxRows };
  return child.sort === 'position' ? [atMost(list), inSequence(list)] : [atMost(list)];
}

/** The customer's columns that a tag duplicates, for sorting and filtering lists by tag. */
export const REPEATED_COLUMNS = ['name', 'created_at', 'updated_at', 'owner_id'] as const;

/** Names are personal, so they are not shown; they are compared as bytes, since a difference in case or accents matters here. */
const repeated = (column: (typeof REPEATED_COLUMNS)[number]): Check => {
  const isName = column === 'name';
  const compared = (table: string) => (isName ? `CAST(${table}.name AS BINARY)` : `${table}.${column}`);
  const [expected, found] = isName ? ["'the customer''s'", "'another'"] : [`c.${column}`, `t.${column}`];
  return {
    table: 'customer_tags',
    field: column,
    repair: 'tags',
    sql: (within) => `
      SELECT DISTINCT t.customer_id, ${expected} AS expected, ${found} AS found
      FROM customer_tags AS t FORCE INDEX (PRIMARY) JOIN customers AS c FORCE INDEX (PRIMARY) ON c.id = t.customer_id
      WHERE ${within('t.customer_id')} AND NOT (${compared('t')} <=> ${compared('c')})`,
  };
};

/** The columns that tags duplicate. */
export const REPEATED_CHECKS: readonly Check[] = REPEATED_COLUMNS.map(repeated);
