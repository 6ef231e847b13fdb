import { computeStats } from '../stats.ts';
import { noteChange, type Write } from '../writer.ts';

/** Updates a customer's count of open tickets, with the customer locked, after the tickets are written. */
export async function countOpenTickets(write: Write, customerId: bigint, more: number): Promise<void> {
  if (more === 0) return;
  const { transaction } = write;
  noteChange(write, 'CustomerSummary', { customerId });
  const { count } = await transaction.customerStats.updateMany({
    where: { customerId },
    data: { openTicketCount: { increment: more } },
  });
  if (count === 0) await computeStats(write, customerId);
}
