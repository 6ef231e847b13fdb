import type { Connection } from 'mariadb';
import {
  fitsAmount,
  formatAmount,
  itemTotal,
  parseAmount,
  problemOfPlaces,
  toAmount,
  type Amount,
} from '../../crm/money.ts';
import { MAX_ITEMS } from '../../crm/order/table.ts';
import { quoted } from '../../errors.ts';
import type { TargetRecord } from './records.ts';
import { unitPriceOf } from './numbers.ts';
import type { ItemContent, StagedItem } from './scratch.ts';
import { idsByKey, rejected, type Outcome, type RejectedOutcome } from './upsert.ts';

/** An order with its items. If none are staged, the items in the database stay. */
export interface OrderBundle {
  readonly record: TargetRecord;
  readonly items: readonly StagedItem[];
  /** Whether the mapping has items at all; if so, the total of an order without any is zero. */
  readonly itemsAreMapped: boolean;
}

export interface BundleOutcome {
  readonly order: Outcome;
  /** In the order of the bundle's items. */
  readonly items: readonly Outcome[];
}

/** product_id, quantity, unit_price, discount, total. */
export type ItemRow = readonly [string, string, string, string, string];
export const ITEM_COLUMNS = ['product_id', 'quantity', 'unit_price', 'discount', 'total'] as const;

/** The products' ids, by SKU. */
export async function productIds(connection: Connection, bundles: readonly OrderBundle[]) {
  const skus = new Set<string>();
  for (const { items } of bundles)
    for (const { content } of items) if (!('problem' in content)) skus.add(content.product);
  return idsByKey(connection, { table: 'products', column: 'sku' }, [...skus]);
}

/** A bundle with computed totals. */
export interface PricedBundle {
  readonly record: TargetRecord;
  /** Undefined when no items are given. */
  readonly rows: readonly ItemRow[] | undefined;
  readonly itemsAreMapped: boolean;
}

/** Whether it was not rejected. */
export function isPriced(one: PricedBundle | BundleOutcome): one is PricedBundle {
  return 'record' in one;
}

/** Computes the totals of the items and of the order. */
export function priceBundle(bundle: OrderBundle, products: ReadonlyMap<string, string>): PricedBundle | BundleOutcome {
  const { record, items, itemsAreMapped } = bundle;
  const currency = record.values.get('currency') ?? 'USD';
  const own = record.values.get('total') ?? null;
  const unpayable = own === null ? undefined : problemOfPlaces(own, currency);
  if (unpayable !== undefined) return rejectForTotal(items, `total: ${unpayable}`);
  if (items.length === 0) return { record, rows: undefined, itemsAreMapped };
  if (items.length > MAX_ITEMS)
    return rejectAll(items, `expected at most ${MAX_ITEMS} items in an order, got ${items.length}`);
  const rows: ItemRow[] = [];
  let sum = 0n;
  for (const item of items) {
    const row = priceItem(item, { products, currency });
    if ('kind' in row) return rejectForItem(items, item, row);
    sum += parseAmount(row[4]) ?? 0n;
    rows.push(row);
  }
  if (!fitsAmount(sum)) return rejectAll(items, 'the total of the order has more than 15 digits before the point');
  if (own !== null && own !== formatAmount(sum)) return rejectForTotal(items, wrongTotal(formatAmount(sum), own));
  const values = new Map([...record.values, ['total', formatAmount(sum)]] as const);
  return { record: { ...record, values }, rows, itemsAreMapped };
}

/** The row, or what is wrong with it. */
function priceItem(
  item: StagedItem,
  order: { products: ReadonlyMap<string, string>; currency: string },
): ItemRow | RejectedOutcome {
  const { content } = item;
  if ('problem' in content) return rejected(content.problem, { column: content.column });
  const product = order.products.get(content.product);
  if (product === undefined)
    return rejected(`product: expected one of the products in the database, got ${quoted(content.product)}`, {
      field: 'product',
    });
  const discount = parseAmount(content.discount) ?? toAmount(0n);
  const unitPrice = unitPriceIn(content, { discount, currency: order.currency });
  if (typeof unitPrice === 'string') return rejected(unitPrice, { field: 'total' });
  const total = itemTotal({ quantity: content.quantity, unitPrice, discount, currency: order.currency });
  if (!fitsAmount(total)) return rejected('the total of the item has more than 15 digits before the point');
  return [product, String(content.quantity), formatAmount(unitPrice), formatAmount(discount), formatAmount(total)];
}

/** The unit price, or why there is none that yields the file's total. */
function unitPriceIn({ price, quantity }: ItemContent, by: { discount: Amount; currency: string }): Amount | string {
  if ('unitPrice' in price) return parseAmount(price.unitPrice) ?? toAmount(0n);
  const unpayable = price.isRounded ? undefined : problemOfPlaces(price.total, by.currency);
  if (unpayable !== undefined) return `total: ${unpayable}`;
  const given = parseAmount(price.total) ?? toAmount(0n);
  const total = itemTotal({ quantity: 1, unitPrice: given, discount: 0n, currency: by.currency });
  const unitPrice = unitPriceOf({ total, quantity, discount: by.discount });
  if (unitPrice !== undefined && fitsAmount(unitPrice) && itemTotal({ quantity, unitPrice, ...by }) === total)
    return unitPrice;
  return `total: there is no price of up to 15 digits and 4 decimals at which ${quantity} with this discount come to ${formatAmount(total)}`;
}

/** Rejects an order together with its items. */
export function rejectAll(items: readonly StagedItem[], problem: string): BundleOutcome {
  return { order: rejected(problem), items: items.map(() => rejected(`its order was rejected: ${problem}`)) };
}

function rejectForTotal(items: readonly StagedItem[], problem: string): BundleOutcome {
  return { ...rejectAll(items, problem), order: rejected(problem, { field: 'total' }) };
}

function rejectForItem(items: readonly StagedItem[], culprit: StagedItem, own: RejectedOutcome): BundleOutcome {
  const because = `line ${culprit.line} of ${culprit.file} was rejected: ${own.problem}`;
  return {
    order: rejected(`item on ${because}`),
    items: items.map((item) => (item === culprit ? own : rejected(`another item of its order, on ${because}`))),
  };
}

/** The reason for rejecting an order because of its total. */
export const wrongTotal = (sum: string, own: string): string =>
  `total: expected the sum of the order's items, ${sum}, got ${own}`;
