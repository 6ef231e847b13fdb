import { OPEN_STATES } from '../../crm/ticket/status.ts';
import { textLiterals } from '../sql-text.ts';
import type { Check } from './check.ts';

interface Reference {
  /** Its index must start with the column `walked`. */
  readonly table: string;
  readonly index: string;
  readonly walked: string;
  /** The columns that identify a row. */
  readonly key: readonly string[];
  readonly column: string;
  readonly parent: string;
}

/** A referenced row must exist. */
const reference = ({ table, index, walked, key, column, parent }: Reference): Check => ({
  table,
  field: column,
  sql: (within) => `
    SELECT DISTINCT ${key.map((name) => `x.${name}`).join(', ')},
      CONCAT('row ', x.${column}, ' of ${parent}') AS expected, NULL AS found
    FROM ${table} AS x FORCE INDEX (${index})
    LEFT JOIN ${parent} AS p FORCE INDEX (PRIMARY) ON p.id = x.${column}
    WHERE ${within(`x.${walked}`)} AND x.${column} IS NOT NULL AND p.id IS NULL`,
});

const walked = 'customer_id';
const ORDERS = { table: 'orders', index: 'orders_customer_id_placed_at_id_idx', walked, key: ['id'] };
const TICKETS = { table: 'tickets', index: 'tickets_customer_id_opened_at_id_idx', walked, key: ['id'] };
const INTERACTIONS = {
  table: 'interactions',
  index: 'interactions_customer_id_occurred_at_id_idx',
  walked,
  key: ['id'],
};
const CUSTOMERS = { table: 'customers', index: 'PRIMARY', walked: 'id', key: ['id'] };
const ITEMS = { table: 'order_items', index: 'PRIMARY', walked: 'order_id', key: ['order_id', 'position'] };
const owned = (table: string, ...rest: readonly string[]): Check =>
  reference({ table, index: 'PRIMARY', walked, key: [walked, ...rest], column: walked, parent: 'customers' });

/** References from customers and what belongs to them, by customer. */
export const CUSTOMER_REFERENCE_CHECKS: readonly Check[] = [
  ...[ORDERS, TICKETS, INTERACTIONS].map((child) => reference({ ...child, column: walked, parent: 'customers' })),
  // The tag is left out, since it may say anything about a person.
  owned('customer_tags'),
  owned('customer_addresses', 'position'),
  owned('customer_stats'),
  owned('customer_values', 'currency'),
  reference({ ...CUSTOMERS, column: 'owner_id', parent: 'agents' }),
  reference({ ...TICKETS, column: 'assignee_id', parent: 'agents' }),
  reference({ ...INTERACTIONS, column: 'agent_id', parent: 'agents' }),
  reference({ ...INTERACTIONS, column: 'ticket_id', parent: 'tickets' }),
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

/** References from items, by order. */
export const ITEM_REFERENCE_CHECKS: readonly Check[] = [
  reference({ ...ITEMS, column: 'order_id', parent: 'orders' }),
  reference({ ...ITEMS, column: 'product_id', parent: 'products' }),
];
