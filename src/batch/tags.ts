import type { RowId, Table } from './table.ts';

/** The cache tag of one type's rows that belong to a customer, and of that customer's lists of them, even empty ones. */
export const customerTag = (type: string, customer: RowId): string => `${type}@${customer}`;

/** The cache tag of lists of a type's rows over all customers, and of look-ups of the type that found nothing. */
export const listTag = (type: string): string => `${type}#`;

/** The tag of a row; for a missing row, or one that belongs to no customer, the tag of all lists of the type. */
export function rowTag({ type, customerColumn }: Table, row: Readonly<Record<string, unknown>> | null): string {
  return customerColumn === undefined || row === null ? listTag(type) : customerTag(type, String(row[customerColumn]));
}

/** The cache tag of lists over all customers of a type's rows that have a value in a column. */
export const valueTag = (type: string, column: string, value: unknown): string => `${type}#${column}=${String(value)}`;

/** The cache tag of all lists over all customers that have a `valueTag`. */
export const anyValueTag = (type: string): string => `${type}#*`;

/** The cache tags of lists over all customers that rows of a table are in, or were, given their values of its `listedBy`. */
export const valueTags = <Name extends string>(
  { type, listedBy = [] }: { readonly type: string; readonly listedBy?: readonly Name[] },
  ...rows: readonly Readonly<Record<NoInfer<Name>, unknown>>[]
): readonly string[] => rows.flatMap((row) => listedBy.map((column) => valueTag(type, column, row[column])));

/**
 * The tags to invalidate after rows of a type that belong to a customer have changed.
 * @param values the `valueTags` of the rows, before and after; any if left out
 */
export const changedTags = (
  type: string,
  customer: RowId,
  values: readonly string[] = [anyValueTag(type)],
): readonly string[] => [listTag(type), customerTag(type, customer), ...values];

/** The column of the customer that a row belongs to, if any, which the row's cache tag needs. */
export const customerColumnOf = ({ customerColumn }: Table): readonly string[] =>
  customerColumn === undefined ? [] : [customerColumn];
