/** The maximum length of each text field of a ticket, in characters, as in its column. */
export const TICKET_LENGTHS = { number: 64, subject: 300 } as const;
