import { paddedKeys } from '../db/padding.ts';
import type { Database } from '../db/database.ts';
import { NEVER } from '../time-limit.ts';

/**
 * Reads the states of customers: a text that is another one after each change of the customer or of what belongs to it. Those that
 * do not exist are left out.
 */
export type ReadStates = (customerIds: readonly string[]) => Promise<ReadonlyMap<string, string>>;

/** Every write leaves an entry in the record of changes. Ordered by the whole index, or MySQL reads all entries, and sorts them. */
const sqlFor = (count: number): string => `
  SELECT c.id, c.version, (
    SELECT h.id FROM customer_changes AS h FORCE INDEX (customer_changes_customer_id_occurred_at_id_idx)
    WHERE h.customer_id = c.id ORDER BY h.customer_id DESC, h.occurred_at DESC, h.id DESC LIMIT 1
  ) FROM customers AS c FORCE INDEX (PRIMARY) WHERE c.id IN (${Array.from({ length: count }, () => '?').join(', ')})`;

/** Creates the function that reads the states of customers, with one statement: two look-ups for each. */
export function createReadStates(db: Pick<Database, 'reader'>): ReadStates {
  const { read } = db.reader(NEVER);
  return async (customerIds) => {
    const values = paddedKeys(customerIds).map(BigInt);
    const rows = await read({ name: 'Customer states', sql: sqlFor(values.length), values });
    return new Map(rows.map(([id, version, newest]) => [String(id), `${String(version)} ${String(newest)}`]));
  };
}
