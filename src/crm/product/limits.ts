/** The most characters of each text of a product, as in its column. */
export const PRODUCT_LENGTHS = { sku: 64, name: 200 } as const;
