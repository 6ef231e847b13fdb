import { Prisma } from '../generated/prisma/client.ts';
import { COUNTED_STATES, OPEN_STATES } from './states.ts';
import type { Write } from './writer.ts';

/**
 * Computes a customer's counts and totals from its orders and tickets, with the customer locked, after these are written. For a
 * customer that has no row of counts: it is new, or another program wrote it.
 */
export async function computeStats({ transaction }: Write, customerId: bigint): Promise<void> {
  await transaction.$executeRaw`
    INSERT INTO customer_stats (customer_id, order_count, open_ticket_count, last_order_at)
    SELECT ${customerId},
      (SELECT COUNT(*) FROM orders WHERE customer_id = ${customerId}),
      (SELECT COUNT(*) FROM tickets WHERE customer_id = ${customerId} AND status IN (${Prisma.join(OPEN_STATES)})),
      (SELECT MAX(placed_at) FROM orders WHERE customer_id = ${customerId})`;
  await transaction.customerValue.deleteMany({ where: { customerId } });
  await transaction.$executeRaw`
    INSERT INTO customer_values (customer_id, currency, amount)
    SELECT customer_id, currency, SUM(total) FROM orders FORCE INDEX (orders_customer_id_status_placed_at_id_idx)
    WHERE customer_id = ${customerId} AND status IN (${Prisma.join(COUNTED_STATES)}) GROUP BY customer_id, currency`;
}
