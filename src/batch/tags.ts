import type { RowId } from './table.ts';

/** The tag of one type's rows that belong to a customer, of that customer's lists of them, and of the absence of any. */
export const ownedTag = (type: string, customer: RowId): string => `${type}@${customer}`;

/** The tag of lists of a type's rows over all customers, and of keys of the type that do not exist. */
export const listTag = (type: string): string => `${type}#`;

/** The tags to invalidate after rows of these types that belong to these customers have changed. */
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
