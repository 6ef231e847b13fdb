import { formatCount } from '../progress-report.ts';
import type { Outcome } from './upsert.ts';

/** What became of a target's rows: `read` is the sum of the other four. */
export interface TargetSummary {
  readonly target: string;
  read: number;
  created: number;
  updated: number;
  unchanged: number;
  rejected: number;
  /** Values that were left empty because the mapping says so; their rows are not rejected. */
  leftEmpty: number;
}

/** One that has seen nothing. */
export function createTargetSummary(target: string): TargetSummary {
  return { target, read: 0, created: 0, updated: 0, unchanged: 0, rejected: 0, leftEmpty: 0 };
}

/** Counts a row that was read and settled. */
export function countOutcome(summary: TargetSummary, outcome: Outcome): void {
  summary.read += 1;
  summary[outcome.kind] += 1;
}

/** The table that ends an import. */
export function summaryText(summaries: readonly TargetSummary[]): string {
  const columns = ['read', 'created', 'updated', 'unchanged', 'rejected'] as const;
  const head = ['', ...columns];
  const rows = summaries.map((one) => [one.target, ...columns.map((column) => formatCount(one[column]))]);
  const widths = head.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd();
  const notes = summaries
    .filter((one) => one.leftEmpty > 0)
    .map((one) => `${one.target}: ${formatCount(one.leftEmpty)} values could not be read and were left empty.`);
  return [line(head), ...rows.map(line), ...notes].join('\n');
}
