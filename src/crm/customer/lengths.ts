/** The maximum length of each text field of a customer, in characters, as in its column. */
export const CUSTOMER_LENGTHS = { externalId: 64, name: 200, company: 200, tag: 50 } as const;

/** The same for an address, in the order of its fields. */
export const ADDRESS_LENGTHS = { label: 50, line1: 200, line2: 200, city: 100, region: 100, postalCode: 20 } as const;
