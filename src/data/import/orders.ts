import type { Connection } from 'mariadb';
import { chunks } from '../chunks.ts';
import type { FieldChange } from '../../generated/graphql.ts';
import { formatAmount, parseAmount, toAmount } from '../../crm/money.ts';
import {
  isPriced,
  ITEM_COLUMNS,
  priceBundle,
  productIds,
  wrongTotal,
  type BundleOutcome,
  type ItemRow,
  type OrderBundle,
  type PricedBundle,
} from './order-pricing.ts';
import { refreshCustomerSummaries } from './customer-summaries.ts';
import type { StoredValue } from './locks.ts';
import { moveAlong } from './moves.ts';
import { recordRowChanges, type Authorship, type RowChange } from './recorded.ts';
import {
  CREATED,
  customersOf,
  insertRows,
  isResolved,
  isUnchanged,
  itemAt,
  rejected,
  resolveRecords,
  storedId,
  UNCHANGED,
  UPDATED,
  writeRecords,
  type Outcome,
  type ResolvedRecord,
} from './upsert.ts';

const ROWS_PER_STATEMENT = 2_000;

/**
 * Writes a batch of orders with their items in the open transaction. An order is written completely or not at all: an invalid
 * item rejects the order and its other items.
 */
export async function writeOrders(
  connection: Connection,
  bundles: readonly OrderBundle[],
  by: Authorship,
): Promise<BundleOutcome[]> {
  const products = await productIds(connection, bundles);
  const priced = bundles.map((bundle) => priceBundle(bundle, products));
  const takeable = priced.filter(isPriced);
  const found = await resolveRecords(
    connection,
    'orders',
    takeable.map((one) => one.record),
  );
  const before = await itemsBefore(connection, found.filter(isResolved));
  const resolved = takeable.map((one, index) => refuseContradiction(itemAt(found, index), one, before));
  const writes = planWrites(takeable, resolved, before);
  const ids = await writeRecords(connection, 'orders', { records: writes.map((write) => write.one), now: by.now });
  await writeItems(connection, writes, ids);
  await moveAlong(
    connection,
    'orders',
    writes.map(({ one }) => one),
  );
  await recordRowChanges(connection, 'orders', { changes: writes, by });
  await refreshCustomerSummaries(
    connection,
    writes.flatMap(({ one }) => customersOf(one)),
  );
  const outcomes = takeable.map((one, index) => outcomeOf(one, itemAt(resolved, index), before));
  return priced.map((one) => (isPriced(one) ? itemAt(outcomes, takeable.indexOf(one)) : one));
}

/** An order without given items keeps its stored ones, so a total or currency that contradicts them is refused. */
function refuseContradiction(
  one: ResolvedRecord | Outcome,
  given: PricedBundle,
  before: ItemsBefore,
): ResolvedRecord | Outcome {
  if (!isResolved(one) || given.rows !== undefined) return one;
  const stored = itemsOf(one, before);
  if (stored.length === 0 && !given.itemsAreMapped) return one;
  const currency = one.changed.get('currency') ?? null;
  if (currency !== null && stored.length > 0) {
    const currencyBefore = String(one.stored?.['currency']);
    const problem = `currency: expected ${currencyBefore}, in which the order's items are, got ${currency}`;
    return rejected(problem, { field: 'currency' });
  }
  const own = one.columns.get('total') ?? null;
  const sum = formatAmount(toAmount(stored.reduce((total, row) => total + (parseAmount(row[4]) ?? 0n), 0n)));
  return own === null || own === sum ? one : rejected(wrongTotal(sum, own), { field: 'total' });
}

type ItemsBefore = ReadonlyMap<string, readonly ItemRow[]>;

async function itemsBefore(connection: Connection, records: readonly ResolvedRecord[]): Promise<ItemsBefore> {
  const ids = records.flatMap((one) => storedId(one));
  const items = new Map<string, ItemRow[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return items;
  const rows = await connection.query<Record<'order_id' | (typeof ITEM_COLUMNS)[number], StoredValue>[]>(
    `SELECT order_id, ${ITEM_COLUMNS.join(', ')} FROM order_items WHERE order_id IN (?) ORDER BY order_id, position`,
    [ids],
  );
  for (const row of rows) {
    const { product_id: product, quantity, unit_price: price, discount, total } = row;
    const item: ItemRow = [String(product), String(quantity), String(price), String(discount), String(total)];
    items.get(String(row.order_id))?.push(item);
  }
  return items;
}

interface OrderWrite extends RowChange {
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
    const rows = isUnchanged(itemsOf(one, before), bundle.rows) ? undefined : bundle.rows;
    if (one.stored === undefined) return [{ one: withTotal(one), rows }];
    if (one.changed.size === 0 && rows === undefined) return [];
    // Lines can change without changing the total.
    return [
      {
        one: one.changed.size > 0 ? one : { ...one, changed: new Map([['total', one.columns.get('total') ?? '0']]) },
        rows,
        others: rows === undefined ? [] : [lineCounts(itemsOf(one, before), rows)],
      },
    ];
  });
}

/** The record says how many lines there were and are, as for an order that the gateway creates; even if only others differ. */
const lineCounts = (before: readonly ItemRow[], after: readonly ItemRow[]): FieldChange => ({
  field: 'items',
  before: String(before.length),
  after: String(after.length),
});

/** A new order without items has a total of zero, unless the mapping provides one. */
function withTotal(one: ResolvedRecord): ResolvedRecord {
  return { ...one, columns: new Map([['total', '0.0000'], ...one.columns]) };
}

function itemsOf(one: ResolvedRecord, before: ItemsBefore): readonly ItemRow[] {
  return before.get(String(one.stored?.['id'])) ?? [];
}

async function writeItems(
  connection: Connection,
  writes: readonly OrderWrite[],
  ids: ReadonlyMap<string, string>,
): Promise<void> {
  const changed = writes.filter((write) => write.rows !== undefined);
  const stored = changed.flatMap(({ one }) => storedId(one));
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
  for (const part of chunks(rows, ROWS_PER_STATEMENT)) await insertRows(connection, 'order_items', part);
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
  const isSame = one.changed.size === 0 && isUnchanged(stored, bundle.rows);
  return { order: isSame ? UNCHANGED : UPDATED, items };
}
