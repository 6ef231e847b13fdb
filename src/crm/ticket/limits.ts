/** The most characters of each text of a ticket, as in its column. */
export const TICKET_LENGTHS = { number: 64, subject: 300 } as const;
