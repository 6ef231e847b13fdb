import { formatAmount } from '../../crm/money.ts';
import { dateTimeLiteral } from '../sql-text.ts';
import type { RowWriter } from '../row-writer.ts';
import type { Catalogue } from './catalogue.ts';
import { addCustomer } from './customers.ts';
import { addOrders } from './orders.ts';
import type { Block } from './plan.ts';
import { addInteractions, addTickets } from './tickets.ts';

/**
 * Passes a block's customers, with everything that belongs to them, to the writer; the caller flushes the rest.
 * @param catalogue the agents and products for orders and tickets
 */
export async function writeBlock(block: Block, writer: RowWriter, catalogue: Catalogue): Promise<void> {
  let { firstOrderId, firstTicketId, firstInteractionId } = block;
  const agents = catalogue.agentCount;
  for (const [place, orders] of block.orders.entries()) {
    const customer = addCustomer(block, writer, { id: block.firstCustomerId + place, agents });
    const summary = await addOrders(block, writer, { customer, catalogue, firstOrderId, count: orders });
    const ticketCount = block.tickets[place] ?? 0;
    const tickets = addTickets(block, writer, { customer, agents, firstTicketId, count: ticketCount });
    const count = block.interactions[place] ?? 0;
    addInteractions(block, writer, { customer, tickets, agents, firstInteractionId, count });
    const last = summary.lastOrderAtMs === null ? 'NULL' : dateTimeLiteral(summary.lastOrderAtMs);
    writer.add(
      'customer_stats',
      'customer_id,order_count,open_ticket_count,last_order_at',
      `${customer.id},${orders},${tickets.openCount},${last}`,
    );
    for (const [currency, amount] of summary.values)
      writer.add(
        'customer_values',
        'customer_id,currency,amount',
        `${customer.id},'${currency}',${formatAmount(amount)}`,
      );
    firstOrderId += orders;
    firstTicketId += ticketCount;
    firstInteractionId += count;
    if (writer.isFull) await writer.flushFull();
  }
}
