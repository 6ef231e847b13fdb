import type { Connection } from 'mariadb';
import { inTransaction } from '../connection.ts';
import { rewriteTerms } from '../search-terms.ts';
import { refreshCustomerSummaries } from '../import/customer-summaries.ts';
import { toDrift, withinRange, type Check, type Drift, type Repair, type Row } from './check.ts';
import { REPEATED_COLUMNS } from './lists.ts';

const REPAIRS: Readonly<Record<Repair, (connection: Connection, customerId: bigint) => Promise<unknown>>> = {
  summary: (connection, customerId) => refreshCustomerSummaries(connection, [String(customerId)]),
  tags: (connection, customerId) =>
    connection.query(
      `UPDATE customer_tags AS t FORCE INDEX (PRIMARY) JOIN customers AS c FORCE INDEX (PRIMARY) ON c.id = t.customer_id
       SET ${REPEATED_COLUMNS.map((column) => `t.${column} = c.${column}`).join(', ')} WHERE t.customer_id = ?`,
      [customerId],
    ),
  terms: (connection, customerId) => rewriteTerms(connection, [customerId]),
};

/**
 * Recomputes what a customer's rows duplicate and sum up, in one transaction under the customer's lock, for which other writers
 * about the customer wait. Checks again once it holds the lock, since others may have written meanwhile.
 * @param checks the repairable ones
 * @returns what was wrong and has been repaired
 */
export async function repairCustomer(
  connection: Connection,
  checks: readonly Check[],
  customerId: bigint,
): Promise<Drift[]> {
  const within = withinRange({ after: String(customerId - 1n), upTo: String(customerId) });
  return inTransaction(connection, async () => {
    await connection.query('SELECT id FROM customers WHERE id = ? FOR UPDATE', [customerId]);
    const drifts: Drift[] = [];
    const repairs = new Set<Repair>();
    for (const check of checks) {
      const rows = await connection.query<Row[]>(check.sql(within));
      drifts.push(...rows.map((row) => ({ ...toDrift(check, row), isRepaired: true })));
      if (check.repair !== undefined && rows.length > 0) repairs.add(check.repair);
    }
    for (const repair of repairs) await REPAIRS[repair](connection, customerId);
    return drifts;
  });
}
