import { anyValueTag, customerTag, valueTag } from './tags.ts';
import { sqlName, type RowId, type Table } from './table.ts';
import type { Condition } from './list-query.ts';

/** The table whose rows have the column by which rows are hidden from callers that may see those of one agent alone. */
const CUSTOMERS = {
  type: 'Customer',
  name: 'customers',
  ownerColumn: 'ownerId',
  ownerSql: 'owner_id',
  ownerIndex: 'customers_owner_id_created_at_id_idx',
} as const;

/** The customers of an agent, as `o`: what their rows are read from if these are few. */
export const OWNED_CUSTOMERS = {
  from: `${CUSTOMERS.name} AS o FORCE INDEX (\`${CUSTOMERS.ownerIndex}\`)`,
  where: `o.${CUSTOMERS.ownerSql} = ?`,
} as const;

/** Whether the rule is about a table at all: whether its rows are customers, or belong to customers. */
export const isOwned = ({ customerColumn }: Table): boolean => customerColumn !== undefined;

/** The expression for the agent who owns the customer that a row belongs to. */
export function ownerOf(table: Table, columnOf: (name: string) => string): string {
  if (table.type === CUSTOMERS.type) return columnOf(CUSTOMERS.ownerColumn);
  const customer = columnOf(table.customerColumn ?? 'id');
  return `(SELECT o.${CUSTOMERS.ownerSql} FROM ${CUSTOMERS.name} AS o FORCE INDEX (PRIMARY) WHERE o.id = ${customer})`;
}

/** ` AND ...` for a statement that reads rows of a table as `t`; empty for tables that the rule is not about. */
export const andOwnedBy = (table: Table): string =>
  isOwned(table) ? ` AND ${ownerOf(table, (name) => `t.${sqlName(table, name)}`)} = ?` : '';

/**
 * The condition on a list's rows; undefined if the rule is not about them, or if their parent is their customer, who was read by the
 * rule.
 */
export function ownedCondition(table: Table, parent: string | undefined, owner: RowId): Condition | undefined {
  if (!isOwned(table) || (parent !== undefined && parent === table.customerColumn)) return undefined;
  return table.type === CUSTOMERS.type
    ? { kind: 'in', column: CUSTOMERS.ownerColumn, values: [owner] }
    : { kind: 'owned', owner };
}

/**
 * The cache tags of a look-up by the rule: of the customer that a row belongs to, who may go to another agent; or if there is none, of
 * all whom the agent has, since it may be there, and belong to a customer whom the agent gets.
 */
export function tagsOfRule(
  { customerColumn }: Table,
  row: Readonly<Record<string, unknown>> | null,
  owner: RowId,
): readonly string[] {
  if (row === null) return ownerTags(owner);
  return customerColumn === undefined ? [] : [customerTag(CUSTOMERS.type, String(row[customerColumn]))];
}

/** The cache tags of whatever depends on which customers an agent owns. */
export const ownerTags = (owner: RowId): readonly string[] => [
  anyValueTag(CUSTOMERS.type),
  valueTag(CUSTOMERS.type, CUSTOMERS.ownerColumn, owner),
];

/** The columns to be read by which it is known whether a row that was read without the rule may be seen. */
export const ownerColumnsOf = ({ type }: Table, owner: RowId | undefined): readonly string[] =>
  owner !== undefined && type === CUSTOMERS.type ? [CUSTOMERS.ownerColumn] : [];
