import { violatedIndex } from '../db/transaction.ts';

/** Crockford's base32: without I, L, O and U, which people mistake for other characters. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const RANDOM_CHARACTERS = 8;
// A collision among 10^12 numbers per day is rare, so several in a row mean a bug.
const MAX_TRIES = 5;

/** A number to give to a row: the wanted one, or else the prefix and the day of a generated one. `index` is unique. */
export interface Numbering {
  /** Null to generate one. */
  readonly given: string | null;
  readonly prefix: string;
  readonly index: string;
  readonly now: Date;
}

/**
 * Writes a row with the given number, or with a generated one, such as `T-261125-8XK2M0QZ`, and retries with another one if
 * that is taken. Apart from the day, a number is random, so that gateways need not agree on the next one.
 * @param write inserts the row; a duplicate number must roll back only this statement
 */
export async function writeNumbered<Row>(numbering: Numbering, write: (number: string) => Promise<Row>): Promise<Row> {
  if (numbering.given !== null) return write(numbering.given);
  for (let tries = 1; ; tries += 1) {
    try {
      return await write(newNumber(numbering));
    } catch (error) {
      if (tries === MAX_TRIES || violatedIndex(error) !== numbering.index) throw error;
    }
  }
}

function newNumber({ prefix, now }: Numbering): string {
  const day = now.toISOString().slice(2, 10).replaceAll('-', '');
  const bytes = crypto.getRandomValues(new Uint8Array(RANDOM_CHARACTERS));
  return `${prefix}-${day}-${Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join('')}`;
}
