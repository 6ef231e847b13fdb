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

const DIGITS = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ALL ');
/** The positions of a name's characters: 1 to 200. */
const POSITIONS = `(SELECT a.d + 10 * b.d + 100 * c.d + 1 AS n
  FROM (${DIGITS}) AS a CROSS JOIN (${DIGITS}) AS b CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1) AS c)`;

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * A SELECT of the terms of customers, as (customer_id, term, kind): each rest of a name that begins at a character which is
 * neither blank nor without weight, and each rest of a telephone number that has at least four digits, but
 * not all: those are looked up in the customers' own index. The database compares
 * them by its collation, as it does names, so nothing else needs to know which texts are equal.
 * @param within a condition on the customer's id
 */
export const termsSelect = (within: (column: string) => string): string => `
  SELECT DISTINCT c.id AS customer_id, SUBSTRING(c.name, p.n, ${MAX_TERM}) AS term, CASE
      WHEN p.n = 1 THEN ${TERM_KINDS.nameStart}
      WHEN SUBSTRING(c.name, p.n - 1, 1) COLLATE utf8mb4_bin IN (${SEPARATORS.map(literal).join(', ')})
        THEN ${TERM_KINDS.wordStart}
      ELSE ${TERM_KINDS.insideWord} END AS kind
  FROM customers AS c FORCE INDEX (PRIMARY) STRAIGHT_JOIN ${POSITIONS} AS p ON p.n <= CHAR_LENGTH(c.name)
  WHERE ${within('c.id')} AND SUBSTRING(c.name, p.n, 1) <> ''
  UNION ALL
  SELECT c.id, SUBSTRING(c.phone, p.n) COLLATE utf8mb4_unicode_520_ci, ${TERM_KINDS.phone}
  FROM customers AS c FORCE INDEX (PRIMARY) STRAIGHT_JOIN ${POSITIONS} AS p ON p.n BETWEEN 3 AND CHAR_LENGTH(c.phone) - 3
  WHERE ${within('c.id')}`;

/** An INSERT of the terms of customers that have none. */
export const termsInsert = (within: (column: string) => string): string =>
  `INSERT INTO ${SEARCH_TERMS} (customer_id, term, kind) ${termsSelect(within)}
  ORDER BY customer_id, term, kind`;

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
