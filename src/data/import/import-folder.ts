import { openConnection } from '../connection.ts';
import { dateTimeText } from '../sql-text.ts';
import { writeBatch } from './batches.ts';
import { BATCH_ROWS, readBatches, settle, type ImportOptions, type ImportRun, type PendingRow } from './import-run.ts';
import { importOrders } from './order-import.ts';
import { createRejects, type RejectFiles } from './rejects.ts';
import type { RowPlace } from './source-file.ts';
import { createScratch } from './scratch.ts';
import { openSources, rejectNames } from './sources.ts';
import type { TargetSummary } from './summary.ts';
import type { TargetRecord } from './records.ts';
import { TABLE_TARGETS, type TableTarget } from './targets.ts';
import { itemAt, type RejectedOutcome } from './upsert.ts';

interface ImportResult extends RejectFiles {
  readonly isInterrupted: boolean;
  /** For the mapped targets, in the order of writing. */
  readonly summaries: readonly TargetSummary[];
}

const WRITE_ORDER = TABLE_TARGETS.flatMap((target) =>
  target === 'orders' ? [target, 'orderItems' as const] : [target],
);

/**
 * Imports the CSV files of a folder according to a mapping. Each batch of up to 500 rows is one transaction. Rows are matched
 * by external id, number or sku, so importing again creates no duplicates. Nothing is written until every file and column that
 * the mapping names has been found.
 * @throws CliError when the mapping does not fit the files (65), a file is missing (66), or the database is unavailable (69)
 */
export async function importFolder(options: ImportOptions): Promise<ImportResult> {
  const scratch = createScratch();
  try {
    const sources = await openSources(options.folder, options.mapping, scratch);
    const rejects = await createRejects(options.rejectsFolder, rejectNames(sources));
    const connection = await openConnection(options.databaseUrl);
    try {
      const by = { now: dateTimeText(Date.now()), actor: `import:${options.mapping.name}` };
      await importAll({ options, connection, scratch, sources, rejects, by });
    } finally {
      await connection.end();
    }
    return {
      isInterrupted: options.signal?.aborted === true,
      summaries: WRITE_ORDER.flatMap((target) => sources.summaries.get(target) ?? []),
      ...(await rejects.close()),
    };
  } finally {
    scratch.close();
  }
}

async function importAll(run: ImportRun): Promise<void> {
  const importTable = async (target: Exclude<TableTarget, 'orders'>) => {
    for (const source of run.sources.tables.get(target) ?? [])
      await readBatches(run, { target, source, write: (rows) => writeRows(run, target, rows) });
  };
  await importTable('agents');
  await importTable('customers');
  await retryKept(run);
  await importTable('products');
  await importOrders(run);
  await importTable('tickets');
  await importTable('interactions');
}

async function writeRows(
  run: ImportRun,
  target: Exclude<TableTarget, 'orders'>,
  rows: readonly PendingRow[],
): Promise<void> {
  const records = rows.map((row) => row.record);
  const outcomes = await writeBatch(run.connection, target, { records, by: run.by });
  await run.options.written?.();
  for (const [index, row] of rows.entries()) {
    const outcome = itemAt(outcomes, index);
    if (outcome.kind === 'rejected' && outcome.holder !== undefined) keepRow(run, row, outcome);
    else await settle(run, target, { row, outcome });
  }
}

interface KeptRow {
  readonly row: RowPlace;
  readonly record: Omit<TargetRecord, 'values'>;
  readonly values: readonly (readonly [string, string | null])[];
  readonly outcome: RejectedOutcome;
}

function keepRow(run: ImportRun, { record, ...row }: PendingRow, outcome: RejectedOutcome): void {
  const kept: KeptRow = { row, record, values: [...record.values], outcome };
  run.scratch.keptRows.keep(kept, { key: record.key, holder: outcome.holder ?? null });
}

/** Retries rows that need an email which another customer had, for as long as some succeed, and then rejects the rest. */
async function retryKept(run: ImportRun): Promise<void> {
  const { keptRows } = run.scratch;
  for (let before = Infinity; ;) {
    const count = keptRows.count();
    const isStuck = count === before;
    before = count;
    const giving = keptRows.arrange(BATCH_ROWS) as readonly KeptRow[];
    if (!isStuck) await giveUpEmails(run, giving);
    for (;;) {
      const kept = keptRows.take(BATCH_ROWS) as readonly KeptRow[];
      if (kept.length === 0) break;
      // A customer that gave up its email gets the new one, even if the import is interrupted meanwhile.
      if (run.options.signal?.aborted === true && giving.length === 0) return;
      if (isStuck) for (const { row, outcome } of kept) await settle(run, 'customers', { row, outcome });
      else
        await writeRows(
          run,
          'customers',
          kept.map((one) => ({ ...one.row, record: recordOf(one) })),
        );
    }
    if (count === 0 || isStuck) return;
  }
}

const recordOf = ({ record, values }: KeptRow): TargetRecord => ({ ...record, values: new Map(values) });

/** Writes customers without their emails, so that others may take these. Their own rows are written after that. */
async function giveUpEmails(run: ImportRun, kept: readonly KeptRow[]): Promise<void> {
  if (kept.length === 0) return;
  const records = kept
    .map(recordOf)
    .map((record) => ({ ...record, values: new Map([...record.values, ['email', null]]) }));
  await writeBatch(run.connection, 'customers', { records, by: run.by });
  await run.options.written?.();
}
