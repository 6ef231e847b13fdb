import type { Connection } from 'mariadb';
import { isGiven } from '../../given.ts';
import { isVersioned, keyColumn, TARGETS, type TableTarget } from './targets.ts';

/** As the driver returns it: BIGINT as bigint, DECIMAL and DATETIME as text. */
export type StoredValue = string | number | bigint | null | undefined;
export type StoredRow = Readonly<Record<string, StoredValue>>;

/**
 * Locks the customers that records name, together with the owners of the stored rows that they match, and then these rows, until
 * the transaction ends. All writes about a customer wait for its lock, which is why its summary may be rewritten then.
 * @param wanted the keys of the records, and the ids of the customers that they name
 * @returns the stored rows by key; undefined if a customer was merged or deleted, or a row got another owner, before it was
 *   locked, so that the references must be looked up again
 */
export async function lockRows(
  connection: Connection,
  target: TableTarget,
  wanted: { readonly keys: readonly string[]; readonly customers: readonly string[] },
): Promise<ReadonlyMap<string, StoredRow> | undefined> {
  const spec = TARGETS[target];
  const key = keyColumn(spec);
  const customers = new Set([...wanted.customers, ...(await ownersOf(connection, target, wanted.keys))]);
  const existing = await lockCustomers(connection, [...customers]);
  if (!wanted.customers.every((id) => existing.has(id))) return undefined;
  const columns = ['id', ...Object.values(spec.fields).map((field) => field.column)];
  if (isVersioned(target)) columns.push('version');
  const rows = await connection.query<StoredRow[]>(
    `SELECT ${columns.join(', ')} FROM ${spec.table} WHERE ${key} IN (?) FOR UPDATE`,
    [wanted.keys],
  );
  const owners = rows.flatMap((row) => (isGiven(row['customer_id']) ? [String(row['customer_id'])] : []));
  if (!owners.every((id) => customers.has(id))) return undefined;
  return new Map(rows.map((row) => [String(row[key]), row]));
}

/** The ids of the customers that own the stored rows with these keys; none if such rows do not belong to customers. */
async function ownersOf(connection: Connection, target: TableTarget, keys: readonly string[]): Promise<string[]> {
  const spec = TARGETS[target];
  if (!Object.values(spec.fields).some(({ column }) => column === 'customer_id')) return [];
  const rows = await connection.query<{ customer_id: bigint }[]>(
    `SELECT DISTINCT customer_id FROM ${spec.table} WHERE ${keyColumn(spec)} IN (?)`,
    [keys],
  );
  return rows.map((row) => String(row.customer_id));
}

/**
 * Locks customers' rows until the transaction ends, in the order of their ids so that two imports do not deadlock.
 * @returns the ids of those that exist
 */
async function lockCustomers(connection: Connection, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const rows = await connection.query<{ id: bigint }[]>(
    'SELECT id FROM customers WHERE id IN (?) ORDER BY id FOR UPDATE',
    [ids],
  );
  return new Set(rows.map((row) => String(row.id)));
}
