import { Prisma } from '../../generated/prisma/client.ts';
import { noteChange, type Write } from '../writer.ts';
import { OPEN_STATES } from './status.ts';

/**
 * Updates a customer's count of open tickets, with the customer locked, after the tickets are written. If the customer has
 * no row of counts, because another program wrote the customer, all counts are computed.
 */
export async function countOpenTickets(write: Write, customerId: bigint, more: number): Promise<void> {
  if (more === 0) return;
  const { transaction } = write;
  noteChange(write, 'CustomerSummary', customerId);
  const { count } = await transaction.customerStats.updateMany({
    where: { customerId },
    data: { openTicketCount: { increment: more } },
  });
  if (count > 0) return;
  await transaction.$executeRaw`
    INSERT INTO customer_stats (customer_id, order_count, open_ticket_count, last_order_at)
    SELECT ${customerId},
      (SELECT COUNT(*) FROM orders WHERE customer_id = ${customerId}),
      (SELECT COUNT(*) FROM tickets WHERE customer_id = ${customerId} AND status IN (${Prisma.join(OPEN_STATES)})),
      (SELECT MAX(placed_at) FROM orders WHERE customer_id = ${customerId})`;
}
