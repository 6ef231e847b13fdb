import type { RowId } from './table.ts';

/**
 * What an answer shows, by name: rows of one type that belong to one customer, lists of them by that customer, and that
 * there are none.
 */
export const ownedTag = (type: string, customer: RowId): string => `${type}@${customer}`;

/** Lists of a type's rows over all customers, and that a key of it leads nowhere. */
export const listTag = (type: string): string => `${type}#`;

/** What is no longer as it was shown, once rows of these types have changed that belong to these customers. */
export function changedTags({
  types,
  customers,
}: {
  readonly types: readonly string[];
  readonly customers: readonly RowId[];
}): string[] {
  if (customers.length === 0) return [];
  return types.flatMap((type) => [listTag(type), ...customers.map((customer) => ownedTag(type, customer))]);
}
