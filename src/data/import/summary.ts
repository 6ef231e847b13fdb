import { formatCount } from '../progress-report.ts';
import type { Outcome } from './upsert.ts';

/** Counts of a target's rows. `read` is the sum of the four that follow it. */
export interface TargetSummary {
  readonly target: string;
  read: number;
  created: number;
  updated: number;
  unchanged: number;
  rejected: number;
  /** Rows that the mapping excludes from this target; not included in `read`. */
  skipped: number;
  /** Those of them that differ from the imported row with the same key. */
  skippedDifferent: number;
  /** By field, how many values were left empty or cut as the mapping allows; their rows are not rejected. */
  readonly leftEmpty: Map<string, number>;
  readonly cut: Map<string, number>;
}

export function createTargetSummary(target: string): TargetSummary {
  const counts = { read: 0, created: 0, updated: 0, unchanged: 0, rejected: 0, skipped: 0, skippedDifferent: 0 };
  return { target, ...counts, leftEmpty: new Map(), cut: new Map() };
}

/** Counts a row that was read and settled. */
export function countOutcome(summary: TargetSummary, outcome: Outcome): void {
  summary.read += 1;
  summary[outcome.kind] += 1;
}

/** The table printed at the end of an import. */
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
  return [line(head), ...rows.map(line), ...summaries.flatMap(notesOf)].join('\n');
}

const counted = (count: number, one: string, several: string): string =>
  `${formatCount(count)} ${count === 1 ? one : several}`;

function notesOf({ target, leftEmpty, cut, skipped, skippedDifferent }: TargetSummary): readonly string[] {
  const note = (fields: ReadonlyMap<string, number>, one: string, several: string) => {
    const sum = [...fields.values()].reduce((total, count) => total + count, 0);
    const each = [...fields].map(([field, count]) => `${field} ${formatCount(count)}`).join(', ');
    return sum === 0 ? [] : [`${target}: ${counted(sum, one, several)}: ${each}.`];
  };
  return [
    ...note(leftEmpty, 'value could not be read and was left empty', 'values could not be read and were left empty'),
    ...note(cut, 'value was too long and was cut', 'values were too long and were cut'),
    ...(skipped === 0 ? [] : [`${target}: ${counted(skipped, 'row was', 'rows were')} skipped, as the mapping says.`]),
    ...(skippedDifferent === 0
      ? []
      : [
          `${target}: ${counted(skippedDifferent, 'of them differs', 'of them differ')} from the first row with the same key.`,
        ]),
  ];
}
