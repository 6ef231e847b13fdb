import type { Connection } from 'mariadb';
import { fitsAmount, formatAmount, lineTotal, parseAmount, toAmount } from '../../crm/money.ts';
import { MOST_ITEMS } from '../../crm/order/loaders.ts';
import { quoted } from '../../errors.ts';
import type { TargetRecord } from './records.ts';
import type { StagedItem } from './scratch.ts';
import { refreshCustomerSums } from './stats.ts';
import {
  CREATED,
  idsByKey,
  insertRows,
  isResolved,
  itemAt,
  lockCustomers,
  rejected,
  resolveRecords,
  UNCHANGED,
  UPDATED,
  writeRecords,
  type Outcome,
  type ResolvedRecord,
  type StoredValue,
} from './upsert.ts';

/** An order with its lines; none staged: the lines in the database stay. */
export interface OrderBundle {
  readonly record: TargetRecord;
  readonly items: readonly StagedItem[];
}

export interface BundleOutcome {
  readonly order: Outcome;
  /** In the order of the bundle's items. */
  readonly items: readonly Outcome[];
}

/** product_id, quantity, unit_price, discount, total. */
type ItemRow = readonly [string, string, string, string, string];
const ITEM_COLUMNS = ['product_id', 'quantity', 'unit_price', 'discount', 'total'] as const;

/**
 * Writes a batch of orders with their lines in the open transaction. An order is written whole or not at all: a line that
 * cannot be taken rejects the order and its other lines.
 */
export async function writeOrders(
  connection: Connection,
  bundles: readonly OrderBundle[],
  now: string,
): Promise<BundleOutcome[]> {
  const products = await productIds(connection, bundles);
  const priced = bundles.map((bundle) => priceBundle(bundle, products));
  const takeable = priced.filter(isPriced);
  const resolved = await resolveRecords(
    connection,
    'orders',
    takeable.map((one) => one.record),
  );
  const open = resolved.filter(isResolved);
  const before = await itemsBefore(connection, open);
  // A customer that loses an order to another one is concerned too.
  const losers = open
    .flatMap((one) => (one.changed.has('customer_id') ? [idText(one.stored?.['customer_id'])] : []))
    .flat();
  await lockCustomers(connection, losers);
  const writes = planWrites(takeable, resolved, before);
  const ids = await writeRecords(connection, 'orders', { records: writes.map((write) => write.one), now });
  await writeItems(connection, writes, ids);
  const winners = writes.map(({ one }) => one.columns.get('customer_id') ?? idText(one.stored?.['customer_id']));
  await refreshCustomerSums(connection, [...winners, ...losers].flat());
  const outcomes = takeable.map((one, index) => outcomeOf(one, itemAt(resolved, index), before));
  return priced.map((one) => (isPriced(one) ? itemAt(outcomes, takeable.indexOf(one)) : one));
}

function idText(id: StoredValue): string[] {
  return id === null || id === undefined ? [] : [String(id)];
}

async function productIds(connection: Connection, bundles: readonly OrderBundle[]) {
  const skus = new Set<string>();
  for (const { items } of bundles)
    for (const { content } of items) if (!('problem' in content)) skus.add(content.product);
  return idsByKey(connection, { table: 'products', column: 'sku' }, [...skus]);
}

interface PricedBundle {
  readonly record: TargetRecord;
  /** Undefined: no lines are given. */
  readonly rows: readonly ItemRow[] | undefined;
}

function isPriced(one: PricedBundle | BundleOutcome): one is PricedBundle {
  return 'record' in one;
}

/** Works out the lines' totals and the order's. */
function priceBundle(bundle: OrderBundle, products: ReadonlyMap<string, string>): PricedBundle | BundleOutcome {
  const { record, items } = bundle;
  if (items.length === 0) return { record, rows: undefined };
  if (items.length > MOST_ITEMS)
    return rejectAll(items, `expected at most ${MOST_ITEMS} items in an order, got ${items.length}`);
  const currency = record.values.get('currency') ?? 'USD';
  const rows: ItemRow[] = [];
  let sum = 0n;
  for (const item of items) {
    const row = priceItem(item, { products, currency });
    if (typeof row === 'string') return rejectForItem(items, item, row);
    sum += parseAmount(row[4]) ?? 0n;
    rows.push(row);
  }
  if (!fitsAmount(sum)) return rejectAll(items, 'the total of the order has more than 15 digits before the point');
  const values = new Map([...record.values, ['total', formatAmount(sum)]] as const);
  return { record: { ...record, values }, rows };
}

/** A row, or what is wrong. */
function priceItem(
  item: StagedItem,
  order: { products: ReadonlyMap<string, string>; currency: string },
): ItemRow | string {
  const { content } = item;
  if ('problem' in content) return content.problem;
  const product = order.products.get(content.product);
  if (product === undefined)
    return `product: expected one of the products in the database, got ${quoted(content.product)}`;
  const unitPrice = parseAmount(content.unitPrice) ?? toAmount(0n);
  const discount = parseAmount(content.discount) ?? toAmount(0n);
  const total = lineTotal({ quantity: content.quantity, unitPrice, discount, currency: order.currency });
  if (!fitsAmount(total)) return 'the total of the item has more than 15 digits before the point';
  return [product, String(content.quantity), formatAmount(unitPrice), formatAmount(discount), formatAmount(total)];
}

function rejectAll(items: readonly StagedItem[], problem: string): BundleOutcome {
  return { order: rejected(problem), items: items.map(() => rejected(`its order was rejected: ${problem}`)) };
}

function rejectForItem(items: readonly StagedItem[], culprit: StagedItem, problem: string): BundleOutcome {
  const because = `line ${culprit.line} of ${culprit.file} was rejected: ${problem}`;
  return {
    order: rejected(`item on ${because}`),
    items: items.map((item) => rejected(item === culprit ? problem : `another item of its order, on ${because}`)),
  };
}

type ItemsBefore = ReadonlyMap<string, readonly ItemRow[]>;

async function itemsBefore(connection: Connection, records: readonly ResolvedRecord[]): Promise<ItemsBefore> {
  const ids = records.flatMap((one) => idText(one.stored?.['id']));
  const items = new Map<string, ItemRow[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return items;
  const rows = await connection.query<Record<string, StoredValue>[]>(
    `SELECT order_id, ${ITEM_COLUMNS.join(', ')} FROM order_items WHERE order_id IN (?) ORDER BY order_id, position`,
    [ids],
  );
  for (const row of rows)
    items.get(String(row['order_id']))?.push(ITEM_COLUMNS.map((column) => String(row[column])) as unknown as ItemRow);
  return items;
}

interface OrderWrite {
  readonly one: ResolvedRecord;
  readonly rows: readonly ItemRow[] | undefined;
}

function planWrites(
  bundles: readonly PricedBundle[],
  resolved: readonly (ResolvedRecord | Outcome)[],
  before: ItemsBefore,
): readonly OrderWrite[] {
  return bundles.flatMap((bundle, index): OrderWrite[] => {
    const one = itemAt(resolved, index);
    if (!isResolved(one)) return [];
    const rows = isSameItems(itemsOf(one, before), bundle.rows) ? undefined : bundle.rows;
    if (one.stored === undefined) return [{ one: withTotal(one), rows }];
    if (one.changed.size === 0 && rows === undefined) return [];
    // Lines can change without the total.
    return [
      {
        one: one.changed.size > 0 ? one : { ...one, changed: new Map([['total', one.columns.get('total') ?? '0']]) },
        rows,
      },
    ];
  });
}

/** A new order without lines comes to nothing, unless the mapping has its total. */
function withTotal(one: ResolvedRecord): ResolvedRecord {
  return { ...one, columns: new Map([['total', '0.0000'], ...one.columns]) };
}

function itemsOf(one: ResolvedRecord, before: ItemsBefore): readonly ItemRow[] {
  return before.get(String(one.stored?.['id'])) ?? [];
}

function isSameItems(before: readonly ItemRow[], after: readonly ItemRow[] | undefined): boolean {
  return after === undefined || JSON.stringify(before) === JSON.stringify(after);
}

async function writeItems(
  connection: Connection,
  writes: readonly OrderWrite[],
  ids: ReadonlyMap<string, string>,
): Promise<void> {
  const changed = writes.filter((write) => write.rows !== undefined);
  const stored = changed.flatMap(({ one }) => idText(one.stored?.['id']));
  if (stored.length > 0) await connection.query('DELETE FROM order_items WHERE order_id IN (?)', [stored]);
  const rows = changed.flatMap(({ one, rows: items = [] }) =>
    items.map(
      (item, position) =>
        new Map<string, unknown>([
          ['order_id', ids.get(one.record.key)],
          ['position', position],
          ...ITEM_COLUMNS.map((column, index) => [column, item[index]] as const),
        ]),
    ),
  );
  for (let from = 0; from < rows.length; from += 2_000)
    await insertRows(connection, 'order_items', rows.slice(from, from + 2_000));
}

function outcomeOf(bundle: PricedBundle, one: ResolvedRecord | Outcome, before: ItemsBefore): BundleOutcome {
  const rows = bundle.rows ?? [];
  if (!isResolved(one)) {
    const reason = one.kind === 'rejected' ? one.problem : one.kind;
    return { order: one, items: rows.map(() => rejected(`its order was rejected: ${reason}`)) };
  }
  const stored = itemsOf(one, before);
  const items = rows.map((row, position): Outcome => {
    const old = stored[position];
    if (old === undefined) return CREATED;
    return JSON.stringify(old) === JSON.stringify(row) ? UNCHANGED : UPDATED;
  });
  if (one.stored === undefined) return { order: CREATED, items };
  const isSame = one.changed.size === 0 && isSameItems(stored, bundle.rows);
  return { order: isSame ? UNCHANGED : UPDATED, items };
}
