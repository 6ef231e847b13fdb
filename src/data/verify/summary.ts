import { COUNTED_STATES, OPEN_STATES } from '../../crm/states.ts';
import { textLiterals } from '../sql-text.ts';
import type { Check } from './check.ts';

const COUNTED = `(${textLiterals(COUNTED_STATES)})`;

/** Compares a column of `customer_stats` with what it counts, a subquery about the customer `s.customer_id`. */
const stat = (field: string, expected: string): Check => ({
  table: 'customer_stats',
  field,
  repair: 'summary',
  sql: (within) => `
    SELECT s.customer_id, (${expected}) AS expected, s.${field} AS found
    FROM customers AS c FORCE INDEX (PRIMARY) JOIN customer_stats AS s FORCE INDEX (PRIMARY) ON s.customer_id = c.id
    WHERE ${within('c.id')} HAVING NOT (expected <=> found)`,
});

/** Compares `customer_stats` and `customer_values` with orders and tickets, computed as in seeding and importing. */
export const SUMMARY_CHECKS: readonly Check[] = [
  {
    table: 'customer_stats',
    field: 'rows',
    repair: 'summary',
    sql: (within) => `
      SELECT c.id AS customer_id, 'one' AS expected, NULL AS found FROM customers AS c FORCE INDEX (PRIMARY)
      LEFT JOIN customer_stats AS s FORCE INDEX (PRIMARY) ON s.customer_id = c.id
      WHERE ${within('c.id')} AND s.customer_id IS NULL`,
  },
  stat(
    'order_count',
    `SELECT COUNT(*) FROM orders AS o FORCE INDEX (orders_customer_id_placed_at_id_idx)
     WHERE o.customer_id = s.customer_id`,
  ),
  stat(
    'last_order_at',
    `SELECT MAX(o.placed_at) FROM orders AS o FORCE INDEX (orders_customer_id_placed_at_id_idx)
     WHERE o.customer_id = s.customer_id`,
  ),
  stat(
    'open_ticket_count',
    `SELECT COUNT(*) FROM tickets AS t FORCE INDEX (tickets_customer_id_status_opened_at_id_idx)
     WHERE t.customer_id = s.customer_id AND t.status IN (${textLiterals(OPEN_STATES)})`,
  ),
  {
    table: 'customer_values',
    field: 'amount',
    repair: 'summary',
    sql: (within) => `
      SELECT g.customer_id, g.currency, g.amount AS expected, v.amount AS found
      FROM (
        SELECT o.customer_id, o.currency, SUM(o.total) AS amount
        FROM orders AS o FORCE INDEX (orders_customer_id_placed_at_id_idx)
        WHERE ${within('o.customer_id')} AND o.status IN ${COUNTED} GROUP BY o.customer_id, o.currency
      ) AS g
      JOIN customers AS c FORCE INDEX (PRIMARY) ON c.id = g.customer_id
      LEFT JOIN customer_values AS v FORCE INDEX (PRIMARY) ON v.customer_id = g.customer_id AND v.currency = g.currency
      WHERE NOT (v.amount <=> g.amount)`,
  },
  {
    table: 'customer_values',
    field: 'rows',
    repair: 'summary',
    sql: (within) => `
      SELECT v.customer_id, v.currency, NULL AS expected, v.amount AS found
      FROM customer_values AS v FORCE INDEX (PRIMARY)
      JOIN customers AS c FORCE INDEX (PRIMARY) ON c.id = v.customer_id
      WHERE ${within('v.customer_id')} AND (
        SELECT 1 FROM orders AS o FORCE INDEX (orders_customer_id_placed_at_id_idx)
        WHERE o.customer_id = v.customer_id AND o.currency = v.currency AND o.status IN ${COUNTED} LIMIT 1
      ) IS NULL`,
  },
];
