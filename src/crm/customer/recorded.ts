/** An address's fields, in the order in which the record of changes names them. */
export const ADDRESS_FIELDS = ['label', 'line1', 'line2', 'city', 'region', 'postalCode', 'country'] as const;

type AddressFields = { readonly [Field in (typeof ADDRESS_FIELDS)[number]]?: string | null };

/**
 * Tags as the record of changes has them: one text; null for none. One that could be taken for several is quoted, so that no
 * two lists of tags make the same.
 */
export const textOfTags = (tags: readonly string[]): string | null =>
  tags.map((tag) => (/[,"]/.test(tag) ? JSON.stringify(tag) : tag)).join(', ') || null;

/**
 * Addresses as the record of changes has them: one text, each field with its name, so that no two lists of addresses
 * make the same; null for none.
 */
export function textOfAddresses(addresses: readonly AddressFields[]): string | null {
  const texts = addresses.map((address) =>
    ADDRESS_FIELDS.flatMap((field) =>
      (address[field] ?? null) === null ? [] : `${field}: ${JSON.stringify(address[field])}`,
    ).join(', '),
  );
  return texts.length === 0 ? null : texts.join('; ');
}
