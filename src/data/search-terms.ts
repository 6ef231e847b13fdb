import type { Connection } from 'mariadb';
import { SEARCH_TERMS, termsInsert } from '../crm/customer/search/terms.ts';

/** Writes the search terms of customers anew, in the open transaction. The customers must be locked. */
export async function rewriteTerms(connection: Connection, customers: readonly (string | bigint)[]): Promise<void> {
  if (customers.length === 0) return;
  const within = (column: string) => `${column} IN (${customers.map(BigInt).join(', ')})`;
  await connection.query(`DELETE FROM ${SEARCH_TERMS} WHERE ${within('customer_id')}`);
  await connection.query(termsInsert(within));
}
