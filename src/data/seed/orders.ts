import { formatAmount, itemTotal, toAmount, type Amount } from '../../crm/money.ts';
import { MAX_ITEMS } from '../../crm/order/table.ts';
import { isCounted } from '../../crm/states.ts';
import type { OrderStatus } from '../../generated/prisma/enums.ts';
import { dateTimeLiteral } from '../sql-text.ts';
import type { RowWriter } from '../row-writer.ts';
import type { Catalogue } from './catalogue.ts';
import type { Currency } from './countries.ts';
import type { SeedCustomer } from './customers.ts';
import { DAY_MS, SEED_END_MS, type Block } from './plan.ts';
import { createWeighted, createWeightedWord, type Random } from './random.ts';

/** The summary of a customer's orders, for `customer_stats` and `customer_values`. */
interface OrderSummary {
  readonly lastOrderAtMs: number | null;
  /** By currency, without cancelled and refunded orders. */
  readonly values: ReadonlyMap<string, bigint>;
}

const MANY_ORDERS = 200;

const pickStatus = createWeightedWord<OrderStatus>({
  DELIVERED: 70,
  SHIPPED: 6,
  PAID: 7,
  PENDING: 6,
  CANCELLED: 7,
  REFUNDED: 4,
});
const pickItemCount = createWeighted([
  [1, 40],
  [2, 28],
  [3, 16],
  [4, 9],
  [5, 4],
  [7, 2],
  [11, 1],
] as const);
const pickQuantity = createWeighted([
  [1, 60],
  [2, 20],
  [3, 8],
  [5, 6],
  [10, 4],
  [24, 1],
  [144, 1],
] as const);
// In ten-thousandths: 500n is 5 %.
const pickDiscount = createWeighted([
  [0n, 75],
  [500n, 10],
  [1_000n, 8],
  [1_500n, 4],
  [2_500n, 2],
  [3_333n, 1],
] as const);

/** Adds a customer's orders with their items, and flushes whenever a statement is full. */
export async function addOrders(
  block: Block,
  writer: RowWriter,
  facts: { customer: SeedCustomer; catalogue: Catalogue; firstOrderId: number; count: number },
): Promise<OrderSummary> {
  const { random } = block;
  const values = new Map<string, bigint>();
  let lastOrderAtMs: number | null = null;
  let placedMs = facts.customer.createdAtMs;
  for (let place = 0; place < facts.count; place += 1) {
    // Occasionally two orders have the same time.
    if (place === 0 || !random.chance(20)) placedMs = placedAtMs(random, facts);
    const orderId = facts.firstOrderId + place;
    const currency: Currency = random.chance(950) ? facts.customer.country.currency : 'USD';
    const total = addItems(random, writer, { orderId, currency, catalogue: facts.catalogue });
    const status = pickStatus(random);
    const updatedMs = Math.min(SEED_END_MS, placedMs + (status === 'PENDING' ? 0 : random.below(14 * DAY_MS)));
    writer.add(
      'orders',
      'id,number,customer_id,status,currency,total,placed_at,updated_at',
      `${orderId},'SO-${String(orderId).padStart(8, '0')}',${facts.customer.id},'${status}','${currency}',` +
        `${formatAmount(total)},${dateTimeLiteral(placedMs)},${dateTimeLiteral(updatedMs)}`,
    );
    lastOrderAtMs = Math.max(lastOrderAtMs ?? 0, placedMs);
    if (isCounted(status)) values.set(currency, (values.get(currency) ?? 0n) + total);
    if (writer.isFull) await writer.flushFull();
  }
  return { lastOrderAtMs, values };
}

/** Most orders follow soon after the customer's creation; those of heavy customers are spread over the years. */
function placedAtMs(random: Random, facts: { customer: SeedCustomer; count: number }): number {
  const part = random.fraction();
  const skewed = facts.count > MANY_ORDERS ? part : part * part * part;
  const placed = facts.customer.createdAtMs + Math.floor(skewed * (SEED_END_MS - facts.customer.createdAtMs));
  return placed - (placed % 1_000);
}

function addItems(
  random: Random,
  writer: RowWriter,
  order: { orderId: number; currency: Currency; catalogue: Catalogue },
): Amount {
  const products = order.catalogue.productsIn(order.currency);
  const count = random.below(5_000) === 0 ? random.between(50, MAX_ITEMS) : pickItemCount(random);
  let total = 0n;
  for (let position = 0; position < count; position += 1) {
    // The smaller of two draws, so that some products sell far better than others.
    const place = Math.min(random.below(products.length), random.below(products.length));
    const product = products[place] ?? random.pick(products);
    const quantity = pickQuantity(random);
    const discount = pickDiscount(random);
    const ownTotal = itemTotal({ quantity, unitPrice: product.price, discount, currency: order.currency });
    total += ownTotal;
    writer.add(
      'order_items',
      'order_id,position,product_id,quantity,unit_price,discount,total',
      `${order.orderId},${position},${product.id},${quantity},${formatAmount(product.price)},` +
        `${formatAmount(discount)},${formatAmount(ownTotal)}`,
    );
  }
  return toAmount(total);
}
