import { Prisma } from '../../generated/prisma/client.ts';
import type { Transaction } from '../../db/transaction.ts';
import { fitsAmount, formatAmount, MAX_AMOUNT, itemTotal, parseAmount, toAmount, type Amount } from '../money.ts';
import { Problems, refuse } from '../user-errors.ts';
import type { ItemValues, OrderValues, ProductKey } from './input.ts';

interface Product {
  readonly id: bigint;
  readonly sku: string;
  readonly price: Prisma.Decimal;
  readonly currency: string;
}

/** The items of a new order as stored, and their total. */
export interface PricedItems {
  readonly rows: readonly Omit<Prisma.OrderItemCreateManyInput, 'orderId'>[];
  readonly total: Amount;
}

/**
 * Loads the products of a new order in one statement, and computes its items and their total. Refuses each item whose product
 * does not exist with NOT_FOUND, and each without a usable price, or with too large a total, with INVALID_INPUT.
 */
export async function priceItems(
  transaction: Transaction,
  { items, currency }: Pick<OrderValues, 'items' | 'currency'>,
): Promise<PricedItems> {
  const productOf = await findProducts(transaction, items);
  const problems = new Problems();
  let sum = 0n;
  const rows = items.map((item, position) => {
    const product = productOf(item.product);
    if (product === undefined) problems.add('NOT_FOUND', ['items', position, 'product'], 'There is no such product.');
    else if (item.unitPrice === null && product.currency !== currency)
      problems.add(
        'INVALID_INPUT',
        ['items', position, 'unitPrice'],
        `Expected a price in ${currency}, since the product's price is in ${product.currency}, got none.`,
      );
    else if (item.unitPrice === null && product.price.isNegative())
      problems.add(
        'INVALID_INPUT',
        ['items', position, 'unitPrice'],
        "Expected a price of 0 or more, since the product's price is negative, got none.",
      );
    const unitPrice = item.unitPrice ?? parseAmount(product?.price.toFixed(4) ?? '') ?? toAmount(0n);
    const total = itemTotal({ ...item, unitPrice, currency });
    if (!fitsAmount(total)) problems.add('INVALID_INPUT', ['items', position], tooLarge('an item', total));
    sum += total;
    return {
      position,
      productId: product?.id ?? 0n,
      quantity: item.quantity,
      unitPrice: formatAmount(unitPrice),
      discount: formatAmount(item.discount),
      total: formatAmount(total),
    };
  });
  problems.throwIfAny();
  if (!fitsAmount(sum)) refuse('INVALID_INPUT', ['items'], tooLarge('an order', sum));
  return { rows, total: toAmount(sum) };
}

const tooLarge = (what: string, amount: bigint): string =>
  `Expected ${what} with a total of at most ${MAX_AMOUNT}, got ${formatAmount(amount)}.`;

async function findProducts(
  transaction: Transaction,
  items: readonly ItemValues[],
): Promise<(key: ProductKey) => Product | undefined> {
  // IN needs at least one value; no product has these.
  const ids = new Set([0n]);
  const skus = new Set(['']);
  for (const { product } of items) {
    if ('id' in product) ids.add(product.id);
    else skus.add(product.sku);
  }
  const select = Prisma.sql`SELECT id, sku, price, currency FROM products`;
  const found = await transaction.$queryRaw<Product[]>`
    ${select} FORCE INDEX (PRIMARY) WHERE id IN (${Prisma.join([...ids])})
    UNION ALL ${select} FORCE INDEX (products_sku_key) WHERE sku IN (${Prisma.join([...skus])})`;
  const [byId, bySku] = [new Map(found.map((row) => [row.id, row])), new Map(found.map((row) => [row.sku, row]))];
  return (key) => ('id' in key ? byId.get(key.id) : bySku.get(key.sku));
}
