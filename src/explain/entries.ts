import type { Measurement } from './session.ts';

/** A statement, the arguments that caused it, and its measurement. */
export interface Entry {
  /** The names of the arguments, such as `status, tag`, and the order; the same for all pages of one question. */
  readonly asked: string;
  /** As given by a client, page arguments included; ids, texts and times are placeholders for real ones. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** How many parents or keys the statement is for. */
  readonly parents: number;
  /** The maximum number of rows that it may read. */
  readonly maxRows: number;
  /** The columns of conditions that the index does not cover; then `maxRows` is the worst case in this database. */
  readonly uncovered: readonly string[];
  readonly measurement: Measurement;
  /** What is wrong with it; empty if nothing is. */
  readonly problems: readonly string[];
}

/**
 * The indexes that a statement forces, in the order of the text: first that of the list's order, then those of its filters. Not the
 * primary key by which an index table leads to single rows.
 */
const namedIndexes = (sql: string): readonly string[] =>
  [...sql.matchAll(/FORCE INDEX \(`?(?!PRIMARY\) ON )(\w+)`?\)/g)].map(([, name = '']) => name);

/** The index that a statement forces; undefined if it forces none. */
export const namedIndex = (sql: string): string | undefined => namedIndexes(sql)[0];

/** Adds what is wrong with an entry. */
export function toEntry(given: Omit<Entry, 'problems'>): Entry {
  return { ...given, problems: problemsOf(given) };
}

function problemsOf({ measurement, maxRows, uncovered }: Omit<Entry, 'problems'>): string[] {
  const { statement, error, isStopped, access, rowsRead, tookMs } = measurement;
  if (isStopped) return uncovered.length > 0 ? [] : [`was stopped after ${Math.round(tookMs)} ms`];
  if (error !== undefined) return [error];
  const named = new Set(namedIndexes(statement.sql));
  return [
    ...(named.size === 0 ? ['names no index'] : []),
    ...access.filter(({ type }) => type === 'ALL').map(({ table }) => `reads all of ${table}`),
    ...access
      // An index table's index leads to single rows of the main table.
      .filter(
        ({ type, index }) => type !== 'ALL' && !named.has(index ?? '') && !(type === 'eq_ref' && index === 'PRIMARY'),
      )
      .map(({ table, index }) => `reads ${table} by ${index ?? 'no index'} where it names ${[...named].join(' and ')}`),
    ...(rowsRead > maxRows ? [`reads ${rowsRead} rows where ${maxRows} are the most`] : []),
  ];
}

/** What bounds the statements of a list: how many runs of index entries are read, and how many rows per entry. */
export interface RunsOfEntries {
  /** One, or one for each combination of several values. */
  readonly runs: number;
  /** One, and one more for each row that an entry of the index leads to. */
  readonly rowsAnEntry: number;
  /** How many consecutive ranges of the index each run consists of: one for each prefix of a text. */
  readonly spans: number;
}

/**
 * The maximum number of rows that a page reads for each parent: the page, one more row to tell whether there are more, and a
 * look-up at the end of each range. The rows of several runs are written to a temporary table, read and sorted.
 */
export function maxRowsOfPage(size: number, { runs, rowsAnEntry, spans }: RunsOfEntries): number {
  const read = runs * (size + 1 + spans) * rowsAnEntry;
  return runs === 1 ? read : read + runs * (size + 1) + 1 + (size + 1);
}

/** The maximum number of rows read to tell whether there is a row beyond a position: one per run, and a look-up per range. */
export const maxRowsOfLook = ({ runs, rowsAnEntry, spans }: RunsOfEntries): number => runs * (1 + spans) * rowsAnEntry;

/**
 * The maximum number of rows read to count rows: each index entry once, unless it is known how many are read, and each row once more
 * to be counted.
 */
export function maxRowsOfCount(
  { found, read, parents }: { found: number; read: number | undefined; parents: number },
  { runs, rowsAnEntry, spans }: RunsOfEntries,
): number {
  return (read ?? found * rowsAnEntry) + found + parents * (runs * spans * rowsAnEntry + 2);
}
