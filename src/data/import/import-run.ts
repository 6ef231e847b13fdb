import type { Connection } from 'mariadb';
import type { Authorship } from './batches.ts';
import type { Mapping, TargetName } from './mapping.ts';
import type { TargetRecord } from './records.ts';
import type { Rejects } from './rejects.ts';
import type { Scratch } from './scratch.ts';
import { readSourceRows, type SourceRead } from './source-file.ts';
import type { Sources, TableSource } from './sources.ts';
import { countOutcome, createTargetSummary, type TargetSummary } from './summary.ts';
import type { TableTarget } from './targets.ts';
import { rejected, type Outcome } from './upsert.ts';
import { RowProblem } from './values.ts';

export interface ImportOptions {
  readonly folder: string;
  readonly mapping: Mapping;
  /** Where the rejected rows go. */
  readonly rejectsFolder: string;
  readonly databaseUrl: string;
  /** Called after each batch. */
  readonly report?: (summary: TargetSummary) => void;
  /** Stops after the batch under way. */
  readonly signal?: AbortSignal;
}

/** What every step of an import shares. */
export interface ImportRun {
  readonly options: ImportOptions;
  readonly connection: Connection;
  readonly scratch: Scratch;
  readonly sources: Sources;
  readonly rejects: Rejects;
  readonly by: Authorship;
}

/** A row that became a record. */
export interface PendingRow {
  readonly file: string;
  readonly line: number;
  readonly raw: string;
  readonly record: TargetRecord;
}

const BATCH_ROWS = 500;
const BATCH_CHARACTERS = 1024 * 1024;

/** Counts a row, and keeps it for the rejects if it is one, or else what was left empty of it. */
export async function settle(
  run: ImportRun,
  target: TargetName,
  { row, outcome }: { row: Omit<PendingRow, 'record'> & Partial<PendingRow>; outcome: Outcome },
): Promise<void> {
  const summary = run.sources.summaries.get(target) ?? createTargetSummary(target);
  countOutcome(summary, outcome);
  if (outcome.kind === 'rejected') return run.rejects.add(row.file, row, outcome.problem);
  for (const value of row.record?.leftEmpty ?? []) {
    summary.leftEmpty += 1;
    await run.rejects.addLeftEmpty(row, value);
  }
}

/** Reads a source, settles rows that are none, and hands the others on by batches until the run is interrupted. */
export async function readBatches(
  run: ImportRun,
  step: {
    target: TableTarget;
    source: TableSource;
    write: (rows: readonly PendingRow[]) => Promise<void>;
  },
): Promise<void> {
  const { target, source } = step;
  const file = source.file.name;
  let batch: PendingRow[] = [];
  let characters = 0;
  const flush = async () => {
    if (batch.length > 0) await step.write(batch);
    batch = [];
    characters = 0;
    const summary = run.sources.summaries.get(target);
    if (summary !== undefined) run.options.report?.(summary);
  };
  for await (const read of readSourceRows(source.file)) {
    if (run.options.signal?.aborted === true) break;
    const record = toRecord(run, { target, source, read });
    if (typeof record === 'string') {
      await settle(run, target, { row: { file, line: read.line, raw: read.raw }, outcome: rejected(record) });
      continue;
    }
    batch.push({ file, line: read.line, raw: read.raw, record });
    characters += read.raw.length;
    if (batch.length >= BATCH_ROWS || characters >= BATCH_CHARACTERS) await flush();
  }
  await flush();
}

/** The record, or what is wrong with the row. */
function toRecord(
  run: ImportRun,
  step: { target: TableTarget; source: TableSource; read: SourceRead },
): TargetRecord | string {
  const { target, source, read } = step;
  if ('problem' in read) return read.problem;
  try {
    const record = source.convert(read);
    const place = `line ${read.line} of ${source.file.name}`;
    const first = run.scratch.firstPlaceOf(target, record.key, place);
    return first === undefined ? record : `the key "${record.key}" was on ${first} already`;
  } catch (error) {
    if (!(error instanceof RowProblem)) throw error;
    // Its lines must not be taken for those of an order that is in the database already.
    const key = target === 'orders' ? source.keyOf(read) : null;
    if (key !== null) run.scratch.rejectOrder(key, `line ${read.line} of ${source.file.name}`);
    return error.message;
  }
}
