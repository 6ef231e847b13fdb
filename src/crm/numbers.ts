import { violatedIndex } from '../db/transaction.ts';

/** Crockford's base32: no I, L, O or U, which people take for other characters. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const RANDOM_CHARACTERS = 8;
// One of 10^12 a day being taken by chance is rare; several in a row are a fault.
const MOST_TRIES = 5;

/** What is numbered: the letters its numbers begin with, the unique index that they stand in, and the day. */
export interface Numbering {
  readonly prefix: string;
  readonly index: string;
  readonly now: Date;
}

/**
 * Writes a row under a number made for it, such as `T-261125-8XK2M0QZ`: with another one when that is taken. Nothing
 * follows from a number but its day, so that gateways need not agree on what comes next.
 * @param write inserts the row; a number that is taken undoes this statement alone
 */
export async function writeNumbered<Row>(numbering: Numbering, write: (number: string) => Promise<Row>): Promise<Row> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await write(newNumber(numbering));
    } catch (error) {
      if (tries === MOST_TRIES || violatedIndex(error) !== numbering.index) throw error;
    }
  }
}

function newNumber({ prefix, now }: Numbering): string {
  const day = now.toISOString().slice(2, 10).replaceAll('-', '');
  const bytes = crypto.getRandomValues(new Uint8Array(RANDOM_CHARACTERS));
  return `${prefix}-${day}-${Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join('')}`;
}
