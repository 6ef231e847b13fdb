import { id as idColumn, type Column, type RowId, type Table } from '../batch/table.ts';
import { ChangedMeanwhile } from '../errors.ts';
import type { Loaders } from './context.ts';
import type { NodeType } from './global-id.ts';

/**
 * A column that holds the id of a row of another type. There are no foreign keys (docs/decisions.md). `refersTo` is checked
 * against the schema's types, so a misspelt name does not compile.
 */
export const reference = (sql: string, refersTo: NodeType): Column<RowId> => ({ ...idColumn(sql), refersTo });

/**
 * Asserts that the row exists which a NOT NULL column refers to. There are no foreign keys (docs/decisions.md), so a missing
 * row means corrupt data: the error is logged and masked, and the field's parent becomes null.
 */
export function assertFound<Row>(row: Row | null, field: string): Row {
  if (row === null) throw new Error(`${field}: the row that it refers to is missing`);
  return row;
}

/** The row that an optional id points to; null without an id. */
export const loadOptional = <Row>(
  loader: { load(id: RowId): Promise<Row | null> },
  id: RowId | null,
): Promise<Row | null> | null => (id === null ? null : loader.load(id));

/**
 * The customer that a row belongs to. If it is missing, one more statement for all such rows finds out whether the row was moved
 * (then this returns the new customer) or deleted.
 * @throws ChangedMeanwhile when the row was deleted with its customer since it was read
 */
export async function customerOf(
  table: Table,
  row: { readonly id: RowId; readonly customerId: RowId },
  loaders: Loaders,
) {
  const customer = await loaders.customerById.load(row.customerId);
  if (customer !== null) return customer;
  const current = await loaders.customerByReferencingRow(table).load(row.id);
  // Or it was moved to a customer that the caller may not see.
  if (current === undefined) throw new ChangedMeanwhile();
  return assertFound(current, `${table.type}.customer`);
}
