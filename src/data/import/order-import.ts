import { countSkipped, readBatches, settle, type ImportRun, type PendingRow } from './import-run.ts';
import { writeHalving } from './batches.ts';
import { rejectAll, type BundleOutcome, type OrderBundle } from './order-pricing.ts';
import { writeOrders } from './orders.ts';
import type { ItemContent, ItemProblem, StagedItem } from './scratch.ts';
import { readSourceRows, type SourceRow } from './source-file.ts';
import type { ItemSource } from './sources.ts';
import { itemAt, rejected, type Outcome } from './upsert.ts';
import { RowProblem } from './values.ts';

const BATCH_ORDERS = 200;

/**
 * Imports orders with their items. The items are read first and staged in the scratch, so that an order and its items go into
 * one transaction whatever the order of the files.
 */
export async function importOrders(run: ImportRun): Promise<void> {
  for (const source of run.sources.items ?? []) await stageItems(run, source);
  for (const source of run.sources.tables.get('orders') ?? [])
    await readBatches(run, { target: 'orders', source, write: (rows) => writeOrderRows(run, rows) });
  if (run.options.signal?.aborted !== true) await importItemsAlone(run);
}

async function stageItems(run: ImportRun, source: ItemSource): Promise<void> {
  const file = source.file.name;
  for await (const read of readSourceRows(source.file)) {
    if (run.options.signal?.aborted === true) return;
    const { line, raw } = read;
    const order = 'problem' in read ? { problem: read.problem } : attempt(() => orderOf(source, read));
    if (order === null) countSkipped(run, 'orderItems');
    else if (typeof order === 'string')
      run.scratch.stageItem(order, { file, line, raw, content: contentOf(source, read) });
    else await settle(run, 'orderItems', { row: { file, line, raw }, outcome: rejected(order.problem, order) });
  }
}

/** Null if the row is skipped. */
function orderOf(source: ItemSource, row: SourceRow): string | null {
  return source.isWanted(row) ? source.order(row) : null;
}

function contentOf(source: ItemSource, read: SourceRow | { problem: string }): StagedItem['content'] {
  return 'problem' in read ? read : attempt((): ItemContent => source.convert(read));
}

function attempt<T>(convert: () => T): T | ItemProblem {
  try {
    return convert();
  } catch (error) {
    if (error instanceof RowProblem) return { problem: error.message, column: error.column };
    throw error;
  }
}

async function writeOrderRows(run: ImportRun, rows: readonly PendingRow[]): Promise<void> {
  const bundles = rows.map((row) => ({
    record: row.record,
    items: run.scratch.itemsOf(row.record.key),
    itemsAreMapped: run.sources.items !== undefined,
  }));
  const outcomes = await writeBundles(run, bundles);
  for (const [index, row] of rows.entries()) {
    const { order, items } = itemAt(outcomes, index);
    await settle(run, 'orders', { row, outcome: order });
    await settleItems(run, row.record.key, { staged: itemAt(bundles, index).items, outcomes: items });
  }
}

async function writeBundles(run: ImportRun, bundles: readonly OrderBundle[]): Promise<BundleOutcome[]> {
  const outcomes = await writeHalving(run.connection, bundles, {
    write: (some) => writeOrders(run.connection, some, run.by),
    reject: ({ items }, problem) => rejectAll(items, problem),
  });
  await run.options.written?.();
  return outcomes;
}

async function settleItems(
  run: ImportRun,
  order: string,
  end: { staged: readonly StagedItem[]; outcomes: readonly Outcome[] },
): Promise<void> {
  for (const [index, row] of end.staged.entries())
    await settle(run, 'orderItems', { row, outcome: itemAt(end.outcomes, index) });
  run.scratch.forgetItemsOf(order);
}

/** Imports items whose order is not in the files: it may be in the database, or not exist. */
async function importItemsAlone(run: ImportRun): Promise<void> {
  for (;;) {
    const orders = run.scratch.ordersWithItems(BATCH_ORDERS);
    if (orders.length === 0) return;
    const currencies = await currenciesOf(run, orders);
    const known = orders.flatMap((order) => {
      const currency = currencies.get(order);
      if (currency === undefined || run.scratch.whereOrderWasRejected(order) !== undefined) return [];
      const record = { key: order, values: new Map([['currency', currency]]) };
      return [{ record, items: run.scratch.itemsOf(order), itemsAreMapped: true }];
    });
    const outcomes = known.length === 0 ? [] : await writeBundles(run, known);
    for (const [index, { record, items }] of known.entries())
      await settleItems(run, record.key, { staged: items, outcomes: itemAt(outcomes, index).items });
    for (const order of orders) await rejectLines(run, order);
  }
}

async function rejectLines(run: ImportRun, order: string): Promise<void> {
  const staged = run.scratch.itemsOf(order);
  const place = run.scratch.whereOrderWasRejected(order);
  const problem =
    place === undefined
      ? `order: expected one of the orders in the files or the database, got "${order}"`
      : `its order, on ${place}, was rejected`;
  await settleItems(run, order, { staged, outcomes: staged.map(() => rejected(problem, { field: 'order' })) });
}

async function currenciesOf(run: ImportRun, orders: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await run.connection.query<{ number: string; currency: string }[]>(
    'SELECT number, currency FROM orders WHERE number IN (?)',
    [orders],
  );
  return new Map(rows.map((row) => [row.number, row.currency]));
}
