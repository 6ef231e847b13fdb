import { sqlName, type ChildTable, type Table } from '../../batch/table.ts';
import { customerChanges } from '../../crm/customer/table.ts';
import { customer } from '../../crm/customer/type.ts';
import { childTablesOf, ownedTablesOf } from '../../crm/define-type.ts';
import { customerIndex } from '../../crm/owned-rows.ts';
import { TYPES } from '../../crm/registry.ts';
import type { OwnedTable } from '../../crm/writer.ts';
import type { Check } from './check.ts';
import { childListChecks, REPEATED_CHECKS } from './lists.ts';
import { RECORD_CHECKS } from './record.ts';
import { childReferenceChecks, CUSTOMER_REFERENCE_CHECKS, MERGE_CHECKS } from './references.ts';
import { SUMMARY_CHECKS } from './summary.ts';
import { TERM_CHECKS } from './terms.ts';
import { TOTAL_CHECKS } from './totals.ts';

/** A column with a pass's key, and an index that starts with it. */
export interface Walked {
  readonly table: string;
  readonly column: string;
  readonly index: string;
}

/** A traversal of the tables that share a key, range by range, with the checks for each range. */
export interface Pass {
  /** The table that the key belongs to comes first. */
  readonly walked: readonly [Walked, ...Walked[]];
  /** Bounds below and above every key, as SQL literals. */
  readonly ends: readonly [lowest: string, highest: string];
  readonly checks: readonly Check[];
}

const primary = (table: string, column: string): Walked => ({ table, column, index: 'PRIMARY' });
const byCustomer = (table: Table): Walked => ({
  table: table.name,
  column: 'customer_id',
  index: customerIndex(table),
});
const EVERY_ID = ['-9223372036854775808', '9223372036854775807'] as const;

const UNANSWERED: Check = {
  table: 'idempotency_keys',
  field: 'answer',
  // The key is chosen by a client and its owner is a person, so the input's hash identifies the row.
  sql: (within) => `
    SELECT k.created_at, k.mutation, k.input_hash, 'one' AS expected, NULL AS found
    FROM idempotency_keys AS k FORCE INDEX (idempotency_keys_created_at_idx)
    WHERE ${within('k.created_at')} AND k.answer IS NULL`,
};

/** The child tables of customers, by the customer's id. */
const CUSTOMER_CHILDREN = childTablesOf([customer]);
const byParent = (child: ChildTable): Walked => primary(child.name, sqlName(child, child.parent));

/** What else must hold for rows with child tables and these. */
const CHECKS_BY_PARENT: Readonly<Partial<Record<string, readonly Check[]>>> = { orders: TOTAL_CHECKS };

/** Goes through a table with its child tables, by its id. */
const childPass = ({ table, children }: OwnedTable): Pass => ({
  walked: [primary(table.name, 'id'), ...children.map(byParent)],
  ends: EVERY_ID,
  checks: [
    ...(CHECKS_BY_PARENT[table.name] ?? []),
    ...children.flatMap(childListChecks),
    ...children.flatMap(childReferenceChecks),
  ],
});

/** By customer, by the id of each other table with child tables, such as orders, and by the age of idempotency keys. */
export const PASSES: readonly Pass[] = [
  {
    walked: [
      primary('customers', 'id'),
      ...ownedTablesOf(TYPES).map(({ table }) => byCustomer(table)),
      byCustomer(customerChanges),
      ...CUSTOMER_CHILDREN.map(byParent),
      primary('customer_stats', 'customer_id'),
      primary('customer_merges', 'merged_id'),
      { table: 'customer_merges', column: 'kept_id', index: 'customer_merges_kept_id_idx' },
    ],
    ends: EVERY_ID,
    checks: [
      ...SUMMARY_CHECKS,
      ...REPEATED_CHECKS,
      ...TERM_CHECKS,
      ...CUSTOMER_CHILDREN.flatMap(childListChecks),
      ...RECORD_CHECKS,
      ...CUSTOMER_REFERENCE_CHECKS,
      ...MERGE_CHECKS,
    ],
  },
  ...ownedTablesOf(TYPES)
    .filter(({ children }) => children.length > 0)
    .map(childPass),
  {
    walked: [{ table: 'idempotency_keys', column: 'created_at', index: 'idempotency_keys_created_at_idx' }],
    ends: ["'1000-01-01'", "'9999-12-31 23:59:59.999'"],
    checks: [UNANSWERED],
  },
];
