import type { RowId, Table } from './table.ts';

/** The cache tag of one type's rows that belong to a customer, and of that customer's lists of them, even empty ones. */
export const ownedTag = (type: string, customer: RowId): string => `${type}@${customer}`;

/** The cache tag of lists of a type's rows over all customers, and of look-ups of the type that found nothing. */
export const listTag = (type: string): string => `${type}#`;

/** The tag of a row; for a missing row or a type without owners, the tag of all lists of the type. */
export function rowTag({ type, owner }: Table, row: Readonly<Record<string, unknown>> | null): string {
  return owner === undefined || row === null ? listTag(type) : ownedTag(type, String(row[owner]));
}

/** The tags to invalidate after rows of a type that belong to a customer have changed. */
export const changedTags = (type: string, customer: RowId): readonly string[] => [
  listTag(type),
  ownedTag(type, customer),
];
