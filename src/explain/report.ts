import { namedIndex, type Entry } from './entries.ts';

/** All entries as JSON, without the values in the statements, which may be personal data. */
export function jsonReport(entries: readonly Entry[]): string {
  const statements = entries.map((entry) => {
    const { statement, access, ...measured } = entry.measurement;
    return {
      statement: statement.name,
      asked: entry.asked,
      arguments: entry.arguments,
      parents: entry.parents,
      index: namedIndex(statement.sql) ?? null,
      access,
      rowsRead: measured.rowsRead,
      rowsReturned: measured.rowsReturned,
      // Null if too many to count.
      maxRows: Number.isFinite(entry.maxRows) ? entry.maxRows : null,
      uncovered: entry.uncovered,
      temporaryTables: measured.temporaryTables,
      usesFilesort: measured.usesFilesort,
      rowsSorted: measured.rowsSorted,
      tookMs: Math.round(measured.tookMs * 10) / 10,
      isStopped: measured.isStopped,
      problems: entry.problems,
      // Long, and worth reading only if something is wrong.
      ...(entry.problems.length > 0 ? { sql: statement.sql } : {}),
    };
  });
  return `${JSON.stringify({ isWithinBounds: entries.every(({ problems }) => problems.length === 0), statements }, null, 1)}\n`;
}

const HEADINGS = ['statement', 'asked for', 'index', 'access', 'read', 'most', 'returned', 'temporary', 'sorted', ''];

/** One line for each statement and question, with its worst page; then the problems in full, and totals. */
export function tableReport(entries: readonly Entry[]): string {
  const groups = Map.groupBy(entries, ({ measurement, asked }) => `${measurement.statement.name} ${asked}`);
  const worst = [...groups.values()].map((group) => group.reduce((a, b) => (badness(b) > badness(a) ? b : a)));
  const lines = columns([HEADINGS, ...worst.map(cellsOf)]);
  const problems = worst.filter((entry) => entry.problems.length > 0);
  const faults = problems.map(
    ({ measurement: { statement }, asked, problems: found }) =>
      `${statement.name}, ${asked}: ${found.join('; ')}\n  ${statement.sql.slice(0, MAX_SQL)}`,
  );
  return `${[...lines, '', ...faults, summary(entries, worst)].join('\n')}\n`;
}

const MAX_SQL = 1_000;

/** Problems come first, then whatever reads the largest share of what it may. */
const badness = ({ problems, measurement, maxRows }: Entry): number =>
  problems.length * 1_000 + measurement.rowsRead / Math.max(1, maxRows);

function cellsOf(entry: Entry): string[] {
  const { measurement, maxRows, uncovered } = entry;
  const { statement, access } = measurement;
  const types = [...new Set(access.map(({ type }) => type))];
  return [
    statement.name,
    entry.asked,
    namedIndex(statement.sql) ?? 'none',
    types.join('+'),
    measurement.isStopped ? 'stopped' : count(measurement.rowsRead),
    count(maxRows),
    count(measurement.rowsReturned),
    count(measurement.temporaryTables),
    count(measurement.rowsSorted),
    [
      ...(uncovered.length > 0 ? [`the index does not cover ${uncovered.join(', ')}`] : []),
      ...(entry.problems.length > 0 ? [`FAILS: ${entry.problems.join('; ')}`] : []),
    ].join('; '),
  ];
}

const count = (value: number): string => (Number.isFinite(value) ? value.toLocaleString('en-US') : 'all');

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = HEADINGS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (/^[\d,]+$/.test(cell) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function summary(entries: readonly Entry[], worst: readonly Entry[]): string {
  const failing = worst.filter(({ problems }) => problems.length > 0).length;
  const filtering = worst.filter(({ uncovered }) => uncovered.length > 0);
  const stopped = filtering.filter(({ measurement }) => measurement.isStopped).length;
  return [
    `${count(entries.length)} statements of ${count(worst.length)} kinds.`,
    `${count(filtering.length)} kinds have conditions that their index does not cover; "most" is their worst case` +
      `${stopped > 0 ? `, and ${count(stopped)} of them were stopped by the time-out` : ''}.`,
    failing === 0 ? 'All are within their limits.' : `${count(failing)} kinds fail.`,
  ].join('\n');
}
