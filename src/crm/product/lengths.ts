/** The maximum length of each text field of a product, in characters, as in its column. */
export const PRODUCT_LENGTHS = { sku: 64, name: 200 } as const;
