/** The most characters of each text of an order, as in its column. */
export const ORDER_LENGTHS = { number: 64 } as const;
