import type { RowId, Table } from '../batch/table.ts';
import { ChangedMeanwhile } from '../errors.ts';
import type { Loaders } from './context.ts';

/**
 * A row that a NOT NULL column points to. There are no foreign keys (docs/architecture.md), so its absence is a fault
 * in the data: the error is logged and masked, and the field's parent becomes null.
 */
export function found<Row>(row: Row | null, field: string): Row {
  if (row === null) throw new Error(`${field}: the row that it points to is missing`);
  return row;
}

/**
 * The customer that a row belongs to, or has come to belong to since it was read. One statement more for all rows whose
 * customers are not there.
 * @throws ChangedMeanwhile when the row is gone too: it was deleted with its customer since it was read
 */
export async function customerOf(
  table: Table,
  row: { readonly id: RowId; readonly customerId: RowId },
  loaders: Loaders,
) {
  const customer = await loaders.customerById.load(row.customerId);
  if (customer !== null) return customer;
  const now = await loaders.customerByChild(table).load(row.id);
  if (now === undefined) throw new ChangedMeanwhile();
  return found(now, `${table.type}.customer`);
}
