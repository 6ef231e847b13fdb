import { isGiven } from '../../given.ts';

/** An address's fields, in the order of the record of changes. */
export const ADDRESS_FIELDS = ['label', 'line1', 'line2', 'city', 'region', 'postalCode', 'country'] as const;

type AddressFields = { readonly [Field in (typeof ADDRESS_FIELDS)[number]]?: string | null };

/**
 * Tags as text for the record of changes; null for none. A tag that could be taken for several is quoted, so that different
 * lists give different texts.
 */
export const textOfTags = (tags: readonly string[]): string | null =>
  tags.map((tag) => (/[,"]/.test(tag) ? JSON.stringify(tag) : tag)).join(', ') || null;

/**
 * Addresses as text for the record of changes, with the names of the fields, so that different lists give different texts; null
 * for none.
 */
export function textOfAddresses(addresses: readonly AddressFields[]): string | null {
  const texts = addresses.map((address) =>
    ADDRESS_FIELDS.flatMap((field) =>
      isGiven(address[field]) ? `${field}: ${JSON.stringify(address[field])}` : [],
    ).join(', '),
  );
  return texts.length === 0 ? null : texts.join('; ');
}
