import { Prisma, type Order } from '../../generated/prisma/client.ts';
import { fitsAmount, formatAmount, MAX_AMOUNT, parseAmount, type Amount } from '../money.ts';
import { COUNTED_STATES } from '../states.ts';
import { computeStats } from '../stats.ts';
import { refuse } from '../user-errors.ts';
import { noteChange, type Write } from '../writer.ts';

/** What a new order adds to its customer's summary. */
interface NewOrder {
  /** The customer must be locked. */
  readonly customerId: bigint;
  readonly currency: string;
  readonly total: Amount;
  readonly placedAt: Date;
}

/** Refuses an order with which its customer's total would be too large to store. */
export async function assertTotalFits({ transaction }: Write, order: Omit<NewOrder, 'placedAt'>): Promise<void> {
  const { customerId, currency, total } = order;
  const key = { customerId_currency: { customerId, currency } };
  const value = await transaction.customerValue.findUnique({ where: key, select: { amount: true } });
  const sum = (parseAmount(value?.amount.toFixed(4) ?? '0') ?? 0n) + total;
  if (!fitsAmount(sum))
    refuse(
      'INVALID_INPUT',
      ['items'],
      `Expected orders of this customer with a sum of at most ${MAX_AMOUNT} ${currency}, got ${formatAmount(sum)}.`,
    );
}

/** Adds a new order, which must be written already, to its customer's summary. */
export async function addToSummary(write: Write, order: NewOrder): Promise<void> {
  const { transaction } = write;
  const { customerId, currency, placedAt } = order;
  noteChange(write, 'CustomerSummary', { customerId });
  const counted = await transaction.$executeRaw`
    UPDATE customer_stats SET order_count = order_count + 1,
      last_order_at = GREATEST(COALESCE(last_order_at, ${placedAt}), ${placedAt})
    WHERE customer_id = ${customerId}`;
  if (counted === 0) return computeStats(write, customerId);
  const total = formatAmount(order.total);
  // Without the cast, the sum with a text would be a floating-point number.
  await transaction.$executeRaw`
    INSERT INTO customer_values (customer_id, currency, amount) VALUES (${customerId}, ${currency}, ${total})
    ON DUPLICATE KEY UPDATE amount = amount + CAST(${total} AS DECIMAL(19, 4))`;
}

/**
 * Subtracts an order that has just been cancelled or refunded from its customer's summary. If no order in its currency counts any
 * more, that currency's row is deleted, as if there had never been such an order.
 */
export async function takeFromSummary(write: Write, order: Order): Promise<void> {
  const { transaction } = write;
  const { customerId, currency } = order;
  noteChange(write, 'CustomerSummary', { customerId });
  await transaction.$executeRaw`
    UPDATE customer_values SET amount = amount - CAST(${order.total.toFixed(4)} AS DECIMAL(19, 4))
    WHERE customer_id = ${customerId} AND currency = ${currency}`;
  // Orders with a total of zero count too, so an amount of zero does not mean that none is left.
  await transaction.$executeRaw`
    DELETE FROM customer_values WHERE customer_id = ${customerId} AND currency = ${currency} AND amount = 0
      AND NOT EXISTS (
        SELECT 1 FROM orders AS o FORCE INDEX (orders_customer_id_status_placed_at_id_idx)
        WHERE o.customer_id = customer_values.customer_id AND o.currency = customer_values.currency
          AND o.status IN (${Prisma.join(COUNTED_STATES)}))`;
}
