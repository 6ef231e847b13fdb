/** A value as the driver gives it: BIGINT as bigint, DECIMAL and DATETIME as text. */
type Value = string | number | bigint | null;
export type Row = Readonly<Record<string, Value>>;

/** A stretch of a pass's key: above `after`, up to and with `upTo`. Both are SQL literals. */
export interface Range {
  readonly after: string;
  readonly upTo: string;
}

/** The condition that a column lies in the range that is looked at. */
export type Within = (column: string) => string;

export const withinRange =
  ({ after, upTo }: Range): Within =>
  (column) =>
    `${column} > ${after} AND ${column} <= ${upTo}`;

/** What can be worked out anew from other rows, by the way in which it is. */
export type Repair = 'sums' | 'tags';

/** Something that must hold of a table's rows. */
export interface Check {
  readonly table: string;
  /** What of the rows is looked at: a column, or `rows` for whether they should be there at all. */
  readonly field: string;
  /**
   * A SELECT of the rows for which it does not hold, in a range: `expected` and `found`, and whatever else tells which
   * row it is, but nothing personal. It names the index of each table, so that it never reads more than the range.
   */
  readonly sql: (within: Within) => string;
  /** Where SQL cannot tell: what is wrong with a row of the SELECT, with the columns to show; undefined for nothing. */
  readonly judge?: (row: Row) => Row | undefined;
  /** Left out: a person has to look. */
  readonly repair?: Repair;
}

/** A row that contradicts others. */
export interface Drift {
  readonly table: string;
  /** Which row: columns and their values. */
  readonly key: Readonly<Record<string, string>>;
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  /** Whether it was mended. */
  readonly isRepaired: boolean;
}

const text = (value: Value): string => (value === null ? 'none' : String(value));

/** Makes a drift of a row that a check has found. */
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
