import { isDayOfCalendar } from '../calendar.ts';
import type { RawRow, SqlValue } from '../db/database.ts';

/** How a column's values are represented in JavaScript and in SQL. */
export interface Column<Value> {
  /** The column's name in the table. */
  readonly sql: string;
  readonly nullable: boolean;
  /** Converts from the driver's representation; undefined if nothing needs converting. Never called with null. */
  readonly decode: ((raw: unknown) => unknown) | undefined;
  /** Converts to a statement's value. */
  readonly encode: (value: Value) => SqlValue;
  /** Whether this column could hold a value from an untrusted source, such as a cursor. */
  readonly accepts: (value: unknown) => boolean;
  /** The GraphQL type whose rows the values are ids of; see `reference` in src/crm/relations.ts. */
  readonly refersTo?: string;
}

/** A 64-bit key in decimal, as a string since JavaScript's numbers cannot hold it. */
export type RowId = string;

const ID = /^[1-9]\d{0,18}$/;
const MAX_ID = 2n ** 63n - 1n;

/** Whether a value could be the key of a row: 1 to 2^63 - 1. */
export const isRowId = (value: unknown): value is RowId =>
  typeof value === 'string' && ID.test(value) && BigInt(value) <= MAX_ID;

/** A 64-bit key. */
export const id = (sql: string): Column<RowId> => ({
  sql,
  nullable: false,
  decode: String,
  encode: (value) => BigInt(value),
  accepts: isRowId,
});

export const text = (sql: string): Column<string> => oneOf<string>(sql);

/** One of an enumeration's values. */
export const oneOf = <Value extends string>(sql: string): Column<Value> => ({
  sql,
  nullable: false,
  decode: undefined,
  encode: (value) => value,
  accepts: (value) => typeof value === 'string',
});

/** An integer of at most 32 bits. */
export const int = (sql: string): Column<number> => ({
  sql,
  nullable: false,
  decode: Number,
  encode: (value) => value,
  accepts: Number.isInteger,
});

/** An exact decimal number, as a string without trailing zeros: `18.6` for 18.6000. */
export const decimal = (sql: string): Column<string> => ({
  sql,
  nullable: false,
  decode: (raw) => String(raw).replace(/\.?0+$|(\.\d*?)0+$/, '$1'),
  encode: (value) => value,
  accepts: (value) => typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value),
});

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// Date turns 30 February into 1 March or 2 March; MySQL rejects the whole statement for it.
const isDateTime = (value: unknown): boolean =>
  typeof value === 'string' &&
  DATE_TIME.test(value) &&
  !Number.isNaN(Date.parse(value)) &&
  new Date(value).toISOString() === value;

/** The number at a place of a text, without making a text of it. */
const twoDigits = (given: string, at: number): number =>
  (given.charCodeAt(at) - ZERO) * 10 + given.charCodeAt(at + 1) - ZERO;

const ZERO = 48;

/** A UTC time with milliseconds, such as `2026-11-23T09:30:00.000Z`. */
export const dateTime = (sql: string): Column<string> => ({
  sql,
  nullable: false,
  decode: (raw) => {
    const given = String(raw);
    const [month, day] = [twoDigits(given, 5), twoDigits(given, 8)];
    // A lax sql_mode allows month or day 00, and 30 February. Only a day past the 28th needs a calendar.
    if (month === 0 || day === 0 || (day > 28 && !isDayOfCalendar(given)))
      throw new RangeError(`${sql}: expected a date and time, got an invalid one`);
    // MySQL's own form is 2026-11-23 09:30:00.000.
    return given[10] === 'T' ? given : `${given.slice(0, 10)}T${given.slice(11)}Z`;
  },
  encode: (value) => `${value.slice(0, 10)} ${value.slice(11, 23)}`,
  accepts: isDateTime,
});

/** Makes a column nullable. */
export const nullable = <Value>(column: Column<Value>): Column<Value | null> => ({
  ...column,
  nullable: true,
  encode: (value) => (value === null ? null : column.encode(value)),
  accepts: (value) => value === null || column.accepts(value),
});

// `any` Value: a table has columns of different types.
// oxlint-disable-next-line typescript/no-explicit-any
export type Columns = Readonly<Record<string, Column<any>>>;

/**
 * A row as the resolvers of its type see it. Columns that the document does not need are missing: see `Table.fields`. Resolvers
 * of other types' folders see only its id (`ResolversOf` in src/crm).
 */
export type RowOf<T extends Columns> = { readonly [K in keyof T]: T[K] extends Column<infer Value> ? Value : never };

/** A table of one CRM type: its columns, what its GraphQL fields need, and its indexes. */
export interface Table<
  T extends Columns = Columns,
  Type extends string = string,
  Listed extends keyof T & string = keyof T & string,
> {
  /** The GraphQL type. */
  readonly type: Type;
  readonly name: string;
  /** `id` is the primary key. */
  readonly columns: T & { readonly id: Column<RowId> };
  /** The column that holds the id of the customer that a row belongs to; left out where rows belong to no customer. */
  readonly customerColumn?: 'id' | 'customerId';
  /**
   * The columns that each field needs, for fields that are not themselves columns. `id` is always read. Fields that another
   * type's folder resolves need no more than that.
   */
  readonly fields: Readonly<Record<string, readonly (keyof T & string)[]>>;
  /** How its lists can be sorted; undefined where it has none. */
  readonly sorts?: Sorts<keyof T & string>;
  /** Column lists of the indexes that pages are read from, without the closing `id`. */
  readonly indexes: readonly (readonly (keyof T & string)[])[];
  /** Columns with their own unique index, by which rows are looked up. */
  readonly uniques: readonly (keyof T & string)[];
  /** Columns whose values each occur in few rows, with an index for each order. */
  readonly selective?: readonly (keyof T & string)[];
  /** Where the keys of merged rows lead. */
  readonly redirects?: Redirects;
  /**
   * Columns of few values, or that name a parent: a cached list of the rows with some of these is invalidated only when such a row
   * changes (`valueTags`). Those that clients may see only masked must not be among them: tags are logged.
   */
  readonly listedBy?: readonly Listed[];
}

interface Sorts<Name extends string> {
  /** The column to sort by for each value of `orderBy.field`. */
  readonly columns: Readonly<Record<string, Name>>;
  /** For lists without `orderBy`, and when it is not given. */
  readonly byDefault: { readonly field: string; readonly direction: 'ASC' | 'DESC' };
}

/** A table each of whose rows holds the keys of a merged row, and the id of the row to return instead. */
interface Redirects {
  readonly table: string;
  /** The column that holds the id of the row to return. */
  readonly target: string;
  /** Maps a key's column in the main table to its column in this one, whose primary key is that for `id`. */
  readonly keys: Readonly<Record<string, string>>;
}

/** A child table: a few rows per parent, such as an order's items, which are always read all together. */
export interface ChildTable<T extends Columns = Columns> {
  /** The GraphQL field, such as `Order.items`; names statements in metrics. */
  readonly field: string;
  readonly name: string;
  readonly columns: T;
  /** The table of the parents. Children change only together with their parent, so they share its cache tag. */
  readonly of: Table;
  /** The column that holds the parent's id; the first column of the primary key. */
  readonly parent: keyof T & string;
  /** The rest of the primary key, which is also the sort order. */
  readonly sort: keyof T & string;
  /** How many rows a parent may have: writes enforce this limit, and reads stop at it. */
  readonly maxRows: number;
}

/** An identity function that lets the compiler infer the columns. */
export const defineChildTable = <T extends Columns>(table: ChildTable<T>): ChildTable<T> => table;

/** An identity function that lets the compiler infer the columns, the type's name, and what lists are invalidated by. */
export const defineTable = <
  T extends Columns,
  const Type extends string,
  const Listed extends keyof T & string = never,
>(
  table: Table<T, Type, Listed>,
): Table<T, Type, Listed> => table;

/** A column's name in the database; the same name for one that is not listed. */
export const sqlName = ({ columns }: { readonly columns: Columns }, name: string): string => columns[name]?.sql ?? name;

/** The name that Prisma's migrations give an index. */
export function indexName(tableName: string, columns: readonly string[]): string {
  return `${tableName}_${columns.join('_')}_idx`;
}

/** Turns rows in the order of a SELECT list into objects. */
export function rowDecoder<T extends Columns>(columns: T, names: readonly string[]): (raw: RawRow) => RowOf<T> {
  const decoders = names.map((name) => columns[name]?.decode);
  return (raw) => {
    const row: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i += 1) {
      const value = raw[i];
      const decode = decoders[i];
      // Values match the names one to one, so `names[i]` exists for each i below the length.
      row[names[i] as string] = value === null || decode === undefined ? value : decode(value);
    }
    return row as RowOf<T>;
  };
}
