import { openConnection } from '../connection.ts';
import { dateTimeText } from '../sql-text.ts';
import { writeBatch } from './batches.ts';
import { readBatches, settle, type ImportOptions, type ImportRun, type PendingRow } from './import-run.ts';
import { importOrders } from './order-import.ts';
import { createRejects } from './rejects.ts';
import { createScratch } from './scratch.ts';
import { openSources, sourceFiles } from './sources.ts';
import type { TargetSummary } from './summary.ts';
import type { TableTarget } from './targets.ts';
import { itemAt } from './upsert.ts';

interface ImportResult {
  readonly isInterrupted: boolean;
  /** In the order of writing, for the mapped targets. */
  readonly summaries: readonly TargetSummary[];
  /** Paths of the files with rejected rows. */
  readonly rejects: readonly string[];
  /** Path of the file with values that were left empty; undefined: there are none. */
  readonly leftEmpty: string | undefined;
}

const WRITE_ORDER = ['agents', 'customers', 'products', 'orders', 'orderItems', 'tickets', 'interactions'] as const;

/**
 * Imports the CSV files of a folder as a mapping says. Each batch of up to 500 rows is one transaction; rows are found
 * again by external id, number or sku, so importing twice doubles nothing. Nothing is written before every file and
 * column that the mapping names has been found.
 * @throws UserError when the mapping does not fit the files (65), a file is missing (66), or the database is (69)
 */
export async function importFolder(options: ImportOptions): Promise<ImportResult> {
  const scratch = createScratch();
  try {
    const sources = await openSources(options.folder, options.mapping, scratch);
    const connection = await openConnection(options.databaseUrl);
    const rejects = await createRejects(options.rejectsFolder, sourceFiles(sources));
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
  for (const [index, row] of rows.entries()) await settle(run, target, { row, outcome: itemAt(outcomes, index) });
}
