/** A value as the driver returns it: BIGINT as bigint, DECIMAL and DATETIME as text. */
type Value = string | number | bigint | null;
export type Row = Readonly<Record<string, Value>>;

/** A range of a pass's key: above `after`, up to and including `upTo`. Both are SQL literals. */
export interface Range {
  readonly after: string;
  readonly upTo: string;
}

/** A condition that a column is in the current range. */
export type Within = (column: string) => string;

export const withinRange =
  ({ after, upTo }: Range): Within =>
  (column) =>
    `${column} > ${after} AND ${column} <= ${upTo}`;

/** How to recompute something that derives from other rows. */
export type Repair = 'summary' | 'tags' | 'terms';

/** An invariant of a table's rows. */
export interface Check {
  readonly table: string;
  /** What is checked: a column, or `rows` for whether rows should exist at all. */
  readonly field: string;
  /**
   * A SELECT of the rows in a range that violate it: `expected`, `found` and what identifies the row, but nothing personal. It
   * forces each table's index, so that it never reads more than the range.
   */
  readonly sql: (within: Within) => string;
  /** For what SQL cannot check: returns what is wrong with a row of the SELECT, with the columns to show, or undefined. */
  readonly judge?: (row: Row) => Row | undefined;
  /** Absent if a person has to decide. */
  readonly repair?: Repair;
}

/** A row that is inconsistent with others. */
export interface Drift {
  readonly table: string;
  /** The columns and values that identify the row. */
  readonly key: Readonly<Record<string, string>>;
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  /** Whether it was repaired. */
  readonly isRepaired: boolean;
}

const text = (value: Value): string => (value === null ? 'none' : String(value));

/** Converts a row that a check has found to a drift. */
export function toDrift({ table, field }: Check, { expected = null, found = null, ...key }: Row): Drift {
  const keyTexts = Object.entries(key).flatMap(([column, value]) => (value === null ? [] : [[column, String(value)]]));
  return {
    table,
    key: Object.fromEntries(keyTexts),
    field,
    expected: text(expected),
    found: text(found),
    isRepaired: false,
  };
}
