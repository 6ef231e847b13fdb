import type { Connection } from 'mariadb';
import { quoted } from '../../errors.ts';
import type { Mapping, TargetName } from './mapping-schema.ts';
import type { Authorship } from './recorded.ts';
import type { TargetRecord } from './records.ts';
import type { Rejects } from './rejects.ts';
import type { Scratch } from './scratch.ts';
import { readSourceRows, type RowPlace, type SourceRead } from './source-file.ts';
import type { Sources, TableSource } from './sources.ts';
import { countOutcome, createTargetSummary, type TargetSummary } from './summary.ts';
import { withDistinctTags } from './tags.ts';
import type { TableTarget } from './targets.ts';
import { rejected, type Outcome, type RejectedOutcome } from './upsert.ts';
import { RowProblem } from './values.ts';

export interface ImportOptions {
  readonly folder: string;
  readonly mapping: Mapping;
  /** Where to write rejected rows. */
  readonly rejectsFolder: string;
  readonly databaseUrl: string;
  /** Called after each batch. */
  readonly report?: (summary: TargetSummary) => void;
  /** Called after each transaction, before its rows are counted. */
  readonly written?: (() => Promise<void>) | undefined;
  /** Stops the import after the current batch. */
  readonly signal?: AbortSignal;
}

/** What the steps of an import share. */
export interface ImportRun {
  readonly options: ImportOptions;
  readonly connection: Connection;
  readonly scratch: Scratch;
  readonly sources: Sources;
  readonly rejects: Rejects;
  readonly by: Authorship;
}

/** A row that was converted to a record. */
export interface PendingRow extends RowPlace {
  readonly record: TargetRecord;
}

/** The most rows in one transaction. */
export const BATCH_ROWS = 500;
const BATCH_CHARACTERS = 1024 * 1024;

/** Counts a row, and writes it to the rejects if it was rejected, or else its values that were left empty or cut. */
export async function settle(
  run: ImportRun,
  target: TargetName,
  { row, outcome }: { row: RowPlace & Partial<PendingRow>; outcome: Outcome },
): Promise<void> {
  const summary = run.sources.summaries.get(target) ?? createTargetSummary(target);
  countOutcome(summary, outcome);
  if (outcome.kind === 'rejected') {
    const { problem, field } = outcome;
    const column = outcome.column ?? (field === undefined ? undefined : run.sources.columnOf(target, row.file, field));
    return run.rejects.add(target, row, { problem, column: column ?? '' });
  }
  for (const note of row.record?.notes ?? []) {
    const counts = summary[note.kind];
    counts.set(note.field, (counts.get(note.field) ?? 0) + 1);
    await run.rejects.addNote(row, note);
  }
}

/** Reads a source, settles invalid rows, and passes the others on in batches until the run is interrupted. */
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
    if (batch.length > 0)
      await step.write(target === 'customers' ? await withDistinctTags(run.connection, batch) : batch);
    batch = [];
    characters = 0;
    const summary = run.sources.summaries.get(target);
    if (summary !== undefined) run.options.report?.(summary);
  };
  for await (const read of readSourceRows(source.file)) {
    if (run.options.signal?.aborted === true) break;
    const record = toRecord(run, { target, source, read });
    if (typeof record === 'string') {
      countSkipped(run, target, record === 'skipped' ? 0 : 1);
      continue;
    }
    if ('kind' in record) {
      await settle(run, target, { row: { file, line: read.line, raw: read.raw }, outcome: record });
      continue;
    }
    batch.push({ file, line: read.line, raw: read.raw, record });
    characters += read.raw.length;
    if (batch.length >= BATCH_ROWS || characters >= BATCH_CHARACTERS) await flush();
  }
  await flush();
}

/** Counts a row that the mapping excludes, which is not settled. */
export function countSkipped(run: ImportRun, target: TargetName, different: 0 | 1 = 0): void {
  const summary = run.sources.summaries.get(target);
  if (summary === undefined) return;
  summary.skipped += 1;
  summary.skippedDifferent += different;
}

/** The record, or what is wrong with the row. */
function toRecord(
  run: ImportRun,
  step: { target: TableTarget; source: TableSource; read: SourceRead },
): TargetRecord | RejectedOutcome | 'skipped' | 'skipped, but different' {
  const { target, source, read } = step;
  if ('problem' in read) return rejected(read.problem);
  try {
    if (!source.isWanted(read)) return 'skipped';
    const record = source.convert(read);
    const content =
      source.repeats !== 'reject' ? JSON.stringify([[...record.values], record.tags, record.addresses]) : '';
    const place = `line ${read.line} of ${source.file.name}`;
    const first = run.scratch.firstOf(target, record.key, { place, content });
    if (first === undefined) return record;
    if (source.repeats === 'reject') return rejected(`the key "${record.key}" was on ${first.place} already`);
    if (first.content === content) return 'skipped';
    if (source.repeats === 'first') return 'skipped, but different';
    return rejected(
      `the key "${record.key}" was on ${first.place} already, and ${differenceOf(first.content, record)}`,
    );
  } catch (error) {
    if (!(error instanceof RowProblem)) throw error;
    // Otherwise its items would be added to an order with the same number in the database.
    const key = target === 'orders' ? source.keyOf(read) : null;
    if (key !== null) run.scratch.rejectOrder(key, `line ${read.line} of ${source.file.name}`);
    return rejected(error.message, { column: error.column });
  }
}

function differenceOf(content: string, record: TargetRecord): string {
  const [values] = (content === '' ? [[]] : JSON.parse(content)) as [[string, string | null][]];
  const before = new Map(values);
  const field = [...record.values.keys()].find((name) => before.get(name) !== record.values.get(name));
  return field === undefined ? 'with something else' : `${field} was ${quoted(before.get(field) ?? null)} there`;
}
