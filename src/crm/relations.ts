/**
 * A row that a NOT NULL column points to. There are no foreign keys (docs/architecture.md), so its absence is a fault
 * in the data: the error is logged and masked, and the field's parent becomes null.
 */
export function found<Row>(row: Row | null, field: string): Row {
  if (row === null) throw new Error(`${field}: the row that it points to is missing`);
  return row;
}
