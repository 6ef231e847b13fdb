import type { RowId, Table } from './table.ts';

/** The cache tag of one type's rows that belong to a customer, and of that customer's lists of them, even empty ones. */
export const customerTag = (type: string, customer: RowId): string => `${type}@${customer}`;

/** The cache tag of lists of a type's rows over all customers, and of look-ups of the type that found nothing. */
export const listTag = (type: string): string => `${type}#`;

/** The tag of a row; for a missing row, or one that belongs to no customer, the tag of all lists of the type. */
export function rowTag({ type, customerColumn }: Table, row: Readonly<Record<string, unknown>> | null): string {
  return customerColumn === undefined || row === null ? listTag(type) : customerTag(type, String(row[customerColumn]));
}

/** The tags to invalidate after rows of a type that belong to a customer have changed. */
export const changedTags = (type: string, customer: RowId): readonly string[] => [
  listTag(type),
  customerTag(type, customer),
];

/** The column of the customer that a row belongs to, if any, which the row's cache tag needs. */
export const customerColumnOf = ({ customerColumn }: Table): readonly string[] =>
  customerColumn === undefined ? [] : [customerColumn];
