import { sqlName, type ChildTable, type Columns } from '../../batch/table.ts';
import { customers } from '../../crm/customer/table.ts';
import { ownedTablesOf } from '../../crm/define-type.ts';
import { customerIndex } from '../../crm/owned-rows.ts';
import { TYPES } from '../../crm/registry.ts';
import { OPEN_STATES } from '../../crm/states.ts';
import { textLiterals } from '../sql-text.ts';
import type { Check } from './check.ts';

/** The rows that a check of references goes through. */
interface Rows {
  readonly table: { readonly name: string };
  /** An index that starts with the column `walked`. */
  readonly index: string;
  readonly walked: string;
  /** The columns that identify a row. */
  readonly key: readonly string[];
}

/** A row that a column refers to must exist. */
const reference = ({ table, index, walked, key }: Rows, column: string, parent: string): Check => ({
  table: table.name,
  field: column,
  sql: (within) => `
    SELECT DISTINCT ${key.map((name) => `x.${name}`).join(', ')},
      CONCAT('row ', x.${column}, ' of ${parent}') AS expected, NULL AS found
    FROM ${table.name} AS x FORCE INDEX (${index})
    LEFT JOIN ${parent} AS p FORCE INDEX (PRIMARY) ON p.id = x.${column}
    WHERE ${within(`x.${walked}`)} AND x.${column} IS NOT NULL AND p.id IS NULL`,
});

/** Checks every column of a table that refers to another type's rows. */
const references = (rows: Rows & { readonly table: { readonly columns: Columns } }): Check[] =>
  Object.values(rows.table.columns).flatMap(({ sql, refersTo }) => {
    const parent = TYPES.find(({ table }) => table.type === refersTo)?.table.name;
    return parent === undefined ? [] : [reference(rows, sql, parent)];
  });

const walked = 'customer_id';
/** Rows of what only customers have, which refer to them by their primary key. */
const owned = (name: string, ...rest: readonly string[]): Check =>
  reference({ table: { name }, index: 'PRIMARY', walked, key: [walked, ...rest] }, walked, customers.name);

/** References from customers and what belongs to them, by customer. */
export const CUSTOMER_REFERENCE_CHECKS: readonly Check[] = [
  ...ownedTablesOf(TYPES).flatMap(({ table }) =>
    references({ table, index: customerIndex(table), walked, key: ['id'] }),
  ),
  // The tag is left out, since it may say anything about a person.
  owned('customer_tags'),
  owned('customer_addresses', 'position'),
  owned('customer_stats'),
  owned('customer_values', 'currency'),
  ...references({ table: customers, index: 'PRIMARY', walked: 'id', key: ['id'] }),
  {
    table: 'interactions',
    field: 'ticket_id',
    sql: (within) => `
      SELECT i.id, CONCAT('a ticket of customer ', i.customer_id) AS expected,
        CONCAT('one of customer ', t.customer_id) AS found
      FROM interactions AS i FORCE INDEX (interactions_customer_id_occurred_at_id_idx)
      JOIN tickets AS t FORCE INDEX (PRIMARY) ON t.id = i.ticket_id
      WHERE ${within('i.customer_id')} AND t.customer_id <> i.customer_id`,
  },
  {
    table: 'tickets',
    field: 'closed_at',
    sql: (within) => `
      SELECT t.id, CONCAT('none, since it is ', t.status) AS expected, t.closed_at AS found
      FROM tickets AS t FORCE INDEX (tickets_customer_id_opened_at_id_idx)
      WHERE ${within('t.customer_id')} AND t.status IN (${textLiterals(OPEN_STATES)}) AND t.closed_at IS NOT NULL`,
  },
];

/** Merges of customers, by the id of the merged or the kept one. */
export const MERGE_CHECKS: readonly Check[] = [
  {
    table: 'customer_merges',
    field: 'merged_id',
    sql: (within) => `
      SELECT m.merged_id, 'no such customer' AS expected, CONCAT('customer ', c.id) AS found
      FROM customer_merges AS m FORCE INDEX (PRIMARY) JOIN customers AS c FORCE INDEX (PRIMARY) ON c.id = m.merged_id
      WHERE ${within('m.merged_id')}`,
  },
  {
    table: 'customer_merges',
    field: 'kept_id',
    sql: (within) => `
      SELECT m.merged_id, CONCAT('row ', m.kept_id, ' of customers') AS expected,
        CASE WHEN n.merged_id IS NOT NULL THEN CONCAT('one merged into ', n.kept_id) END AS found
      FROM customer_merges AS m FORCE INDEX (customer_merges_kept_id_idx)
      LEFT JOIN customers AS c FORCE INDEX (PRIMARY) ON c.id = m.kept_id
      LEFT JOIN customer_merges AS n FORCE INDEX (PRIMARY) ON n.merged_id = m.kept_id
      WHERE ${within('m.kept_id')} AND (c.id IS NULL OR n.merged_id IS NOT NULL)`,
  },
];

/** References from the rows of a child table, by its parent's id. */
export function childReferenceChecks(child: ChildTable): Check[] {
  const parent = sqlName(child, child.parent);
  return references({ table: child, index: 'PRIMARY', walked: parent, key: [parent, sqlName(child, child.sort)] });
}
