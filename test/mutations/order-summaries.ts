import type { Row, WritingGateway } from './writing-gateway.ts';

interface Summaries {
  /** For each customer with orders. */
  readonly stats: readonly Row[];
  /** For each customer and currency with orders that were neither cancelled nor refunded. */
  readonly values: readonly Row[];
}

/** The stored summary of every customer's orders. */
export async function storedSummaries(gateway: WritingGateway): Promise<Summaries> {
  return {
    stats: await gateway.sql(
      `SELECT customer_id, CAST(order_count AS CHAR) AS orders, last_order_at AS last FROM customer_stats
       WHERE order_count <> 0 OR last_order_at IS NOT NULL ORDER BY customer_id`,
    ),
    values: await gateway.sql(
      'SELECT customer_id, currency, CAST(amount AS CHAR) AS amount FROM customer_values ORDER BY customer_id, currency',
    ),
  };
}

/** The same, recomputed from the orders. */
export async function recomputedSummaries(gateway: WritingGateway): Promise<Summaries> {
  return {
    stats: await gateway.sql(
      `SELECT customer_id, CAST(COUNT(*) AS CHAR) AS orders, MAX(placed_at) AS last FROM orders
       GROUP BY customer_id ORDER BY customer_id`,
    ),
    values: await gateway.sql(
      `SELECT customer_id, currency, CAST(SUM(total) AS CHAR) AS amount FROM orders
       WHERE status NOT IN ('CANCELLED', 'REFUNDED') GROUP BY customer_id, currency ORDER BY customer_id, currency`,
    ),
  };
}
