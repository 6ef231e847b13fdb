import type { Measurement } from './session.ts';

/** One statement with what it was asked for and what came of it. */
export interface Entry {
  /** What is asked, such as `status, tag`, and in which order; the same for all pages of one question. */
  readonly asked: string;
  /** As a client gives them, the page's among them; ids, texts and moments stand for real ones. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** How many parents or keys the statement is for. */
  readonly parents: number;
  /** The most that it may read. */
  readonly mostRows: number;
  /** Columns of conditions that its index does not hold, for which `mostRows` is what it reads at worst here. */
  readonly passedOver: readonly string[];
  readonly measurement: Measurement;
  /** What is wrong; none: all is well. */
  readonly problems: readonly string[];
}

/** The index that a statement names; undefined where it names none. */
export const namedIndex = (sql: string): string | undefined => /FORCE INDEX \(`?(\w+)`?\)/.exec(sql)?.[1];

/** An entry with what is wrong with it. */
export function toEntry(given: Omit<Entry, 'problems'>): Entry {
  return { ...given, problems: problemsOf(given) };
}

function problemsOf({ measurement, mostRows, passedOver }: Omit<Entry, 'problems'>): string[] {
  const { statement, error, isStopped, access, rowsRead, tookMs } = measurement;
  if (isStopped) return passedOver.length > 0 ? [] : [`was stopped after ${Math.round(tookMs)} ms`];
  if (error !== undefined) return [error];
  const named = namedIndex(statement.sql);
  return [
    ...(named === undefined ? ['names no index'] : []),
    ...access.filter(({ type }) => type === 'ALL').map(({ table }) => `reads all of ${table}`),
    ...access
      // One row each of the table that a side table's index leads to.
      .filter(({ type, index }) => type !== 'ALL' && index !== named && !(type === 'eq_ref' && index === 'PRIMARY'))
      .map(({ table, index }) => `reads ${table} by ${index ?? 'no index'} where it names ${named}`),
    ...(rowsRead > mostRows ? [`reads ${rowsRead} rows where ${mostRows} are the most`] : []),
  ];
}

/** What bounds the statements of a list: how many runs of index entries are read, and how many rows for each entry. */
export interface RunsOfEntries {
  /** One, or one for each combination of several values. */
  readonly runs: number;
  /** Two where a side table's index leads to the rows. */
  readonly rowsAnEntry: number;
  /** How many parts of the index each run is of, one after the other: one for each start of a text. */
  readonly spans: number;
}

/**
 * The most that a page reads for each parent: the page and one row, which tells whether there are more, and a look at
 * where each part of a run ends or the next one begins. Rows of several runs are written to a temporary table, read and sorted.
 */
export function mostRowsOfPage(size: number, { runs, rowsAnEntry, spans }: RunsOfEntries): number {
  const read = runs * (size + 1 + spans) * rowsAnEntry;
  return runs === 1 ? read : read + runs * (size + 1) + 1 + (size + 1);
}

/** The most that it takes to tell whether anything lies beyond a position: a row a run, and a look a part. */
export const mostRowsOfLook = ({ runs, rowsAnEntry, spans }: RunsOfEntries): number => runs * (1 + spans) * rowsAnEntry;

/** The most that is read to count rows among some entries: each entry once, each row once more to be counted. */
export function mostRowsOfCount(
  { found, entries, parents }: { found: number; entries: number; parents: number },
  { runs, rowsAnEntry, spans }: RunsOfEntries,
): number {
  return entries * rowsAnEntry + found + parents * (runs * spans * rowsAnEntry + 2);
}
