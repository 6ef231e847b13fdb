import { Prisma } from '../../../generated/prisma/client.ts';
import type { Transaction } from '../../../db/transaction.ts';

/** The index table of parts of names and telephone numbers. */
export const SEARCH_TERMS = 'customer_search_terms';

/** Where in its name or number a term begins. Terms are listed in this order. */
export const TERM_KINDS = { nameStart: 0, wordStart: 1, insideWord: 2, phone: 3 } as const;

/** The most characters that a text to search for, and so a term, may have. */
export const MAX_TERM = 100;

/** What separates words, as characters; the collation would also take marks without weight for blanks. */
const SEPARATORS = Array.from(' -–/.,;:&+_()\'’"\u00a0\u3000・·＆');

const numbers = (first: number, last: number): string =>
  `(${Array.from({ length: last - first + 1 }, (_, i) => `SELECT ${first + i} AS n`).join(' UNION ALL ')})`;

/** Which character of a text, from 1, a row of `eachCharacter` is about. */
const POSITION = '(10 * tens.n + ones.n)';

/** Customers, with a row for each character of a text of at most 200. By tens, so that the server makes few rows to no purpose. */
const eachCharacter = (text: string): string =>
  `customers AS c FORCE INDEX (PRIMARY) STRAIGHT_JOIN ${numbers(0, 19)} AS tens ON 10 * tens.n < CHAR_LENGTH(${text})
  STRAIGHT_JOIN ${numbers(1, 10)} AS ones ON ${POSITION} <= CHAR_LENGTH(${text})`;

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * A SELECT of the terms of customers, as (customer_id, term, kind): each rest of a name that begins at a character which is
 * neither blank nor without weight, and each rest of a telephone number that has at least four digits, but not all: those are
 * looked up in the customers' own index. Some may come more than once: the database compares them by its collation, as it does
 * names, so nothing else needs to know which texts are equal.
 * @param within a condition on the customer's id
 */
export const termsSelect = (within: (column: string) => string): string => `
  SELECT c.id AS customer_id, SUBSTRING(c.name, ${POSITION}, ${MAX_TERM}) AS term, CASE
      WHEN ${POSITION} = 1 THEN ${TERM_KINDS.nameStart}
      WHEN SUBSTRING(c.name, ${POSITION} - 1, 1) COLLATE utf8mb4_bin IN (${SEPARATORS.map(literal).join(', ')})
        THEN ${TERM_KINDS.wordStart}
      ELSE ${TERM_KINDS.insideWord} END AS kind
  FROM ${eachCharacter('c.name')}
  WHERE ${within('c.id')} AND SUBSTRING(c.name, ${POSITION}, 1) <> ''
  UNION ALL
  SELECT c.id, SUBSTRING(c.phone, ${POSITION}) COLLATE utf8mb4_unicode_520_ci, ${TERM_KINDS.phone}
  FROM ${eachCharacter('c.phone')}
  WHERE ${within('c.id')} AND ${POSITION} BETWEEN 3 AND CHAR_LENGTH(c.phone) - 3`;

/** An INSERT of the terms of customers that have none. */
export const termsInsert = (within: (column: string) => string): string =>
  `INSERT INTO ${SEARCH_TERMS} (customer_id, term, kind) ${termsSelect(within)}
  ORDER BY customer_id, term, kind
  ON DUPLICATE KEY UPDATE customer_id = ${SEARCH_TERMS}.customer_id`;

/** Writes the terms of a customer that has none, after its row. */
export async function insertTerms(transaction: Transaction, customerId: bigint): Promise<void> {
  await transaction.$executeRaw`${Prisma.raw(termsInsert((column) => `${column} = ${customerId}`))}`;
}

/** Deletes the terms of a customer. */
export async function deleteTerms(transaction: Transaction, customerId: bigint): Promise<void> {
  await transaction.customerSearchTerm.deleteMany({ where: { customerId } });
}

/** The columns that terms are made of. */
export const SEARCHED = ['name', 'phone'] as const;

/** Writes the terms of a customer anew if an update has changed what they are made of. */
export async function updateTerms(
  transaction: Transaction,
  { id, changed }: { readonly id: bigint; readonly changed: object },
): Promise<void> {
  if (!SEARCHED.some((column) => column in changed)) return;
  await deleteTerms(transaction, id);
  await insertTerms(transaction, id);
}
