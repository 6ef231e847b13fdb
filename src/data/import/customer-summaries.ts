import type { Connection } from 'mariadb';
import { COUNTED_STATES, OPEN_STATES } from '../../crm/states.ts';
import { insertRows } from './upsert.ts';

/**
 * Recomputes the summaries of some customers (`customer_stats` and `customer_values`), in the open transaction. The customers'
 * rows must already be locked.
 * @param customers ids; duplicates are allowed
 */
export async function refreshCustomerSummaries(connection: Connection, customers: readonly string[]): Promise<void> {
  const ids = [...new Set(customers)];
  if (ids.length === 0) return;
  const stats = new Map(
    ids.map((id) => [
      id,
      new Map<string, unknown>([
        ['customer_id', id],
        ['order_count', 0],
        ['open_ticket_count', 0],
        ['last_order_at', null],
      ]),
    ]),
  );
  const orders = await connection.query<{ customer_id: bigint; orders: bigint; last: string }[]>(
    `SELECT customer_id, COUNT(*) AS orders, MAX(placed_at) AS last FROM orders WHERE customer_id IN (?)
     GROUP BY customer_id`,
    [ids],
  );
  for (const row of orders)
    stats.get(String(row.customer_id))?.set('order_count', row.orders).set('last_order_at', row.last);
  const tickets = await connection.query<{ customer_id: bigint; tickets: bigint }[]>(
    `SELECT customer_id, COUNT(*) AS tickets FROM tickets WHERE customer_id IN (?) AND status IN (?)
     GROUP BY customer_id`,
    [ids, OPEN_STATES],
  );
  for (const row of tickets) stats.get(String(row.customer_id))?.set('open_ticket_count', row.tickets);
  const values = await connection.query<Record<string, unknown>[]>(
    `SELECT customer_id, currency, SUM(total) AS amount FROM orders
     WHERE customer_id IN (?) AND status IN (?) GROUP BY customer_id, currency`,
    [ids, COUNTED_STATES],
  );
  await connection.query('DELETE FROM customer_stats WHERE customer_id IN (?)', [ids]);
  await insertRows(connection, 'customer_stats', [...stats.values()]);
  await connection.query('DELETE FROM customer_values WHERE customer_id IN (?)', [ids]);
  await insertRows(
    connection,
    'customer_values',
    values.map((row) => new Map(Object.entries(row))),
  );
}
