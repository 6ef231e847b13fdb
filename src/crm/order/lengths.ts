/** The maximum length of each text field of an order, in characters, as in its column. */
export const ORDER_LENGTHS = { number: 64 } as const;
