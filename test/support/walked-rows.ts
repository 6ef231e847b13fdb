import type { Connection } from 'mariadb';
import type { TypeName } from '../../src/crm/registry.ts';
import type { List, ListOrder } from './lists.ts';

// Rows whose values derive from their id and a number, so that a test knows their order without asking a server.

/** A row of a list. */
export interface WalkedRow {
  readonly id: number;
  readonly seed: number;
}

/** The parents that rows belong to, by their ids. */
export const PARENTS = [1, 2] as const;
export const parentOf = ({ id }: WalkedRow): number => 1 + (Math.floor(id / 10) % PARENTS.length);

const STATUSES: Readonly<Record<string, readonly string[]>> = {
  Customer: ['LEAD', 'ACTIVE', 'INACTIVE', 'CHURNED'],
  Order: ['PENDING', 'PAID', 'SHIPPED', 'DELIVERED'],
  Ticket: ['OPEN', 'PENDING', 'RESOLVED', 'CLOSED'],
};

// Names of one rank are equal to the server: it ignores case, accents and trailing spaces.
const NAMES = [
  ['Ada', 0],
  ['ÁDA', 0],
  ['Bo', 1],
  ['bö ', 1],
  ['Zoë', 2],
  ["zoe's", 3],
] as const;

/** A row's status, if its type has one. */
export const statusOf = (type: string, { seed }: WalkedRow): string | undefined =>
  STATUSES[type]?.[Math.floor(seed / 7) % 4];

/** The statuses for a filter with several. */
export const severalStatuses = (type: string): readonly string[] | undefined => STATUSES[type]?.slice(1, 3);

/** The rank of a row's value among all values of a column; -1 for null, which sorts first. */
function rankOf({ seed }: WalkedRow, column: string): number {
  if (column === 'name') return NAMES[seed % NAMES.length]?.[1] ?? 0;
  if (column === 'updated_at') return Math.floor(seed / 5) % 5;
  if (column === 'closed_at') return seed % 3 === 0 ? -1 : Math.floor(seed / 3) % 4;
  return seed % 5;
}

/** Compares rows by an order, ties by id in the same direction. */
export function comparator({ column, direction }: ListOrder): (a: WalkedRow, b: WalkedRow) => number {
  const sign = direction === 'ASC' ? 1 : -1;
  return (a, b) => sign * (rankOf(a, column) - rankOf(b, column) || a.id - b.id);
}

function valueOf(row: WalkedRow, column: string): string | null {
  if (column === 'name') return NAMES[row.seed % NAMES.length]?.[0] ?? '';
  const rank = rankOf(row, column);
  return rank < 0 ? null : `2024-05-0${rank + 1} 00:00:00.${rank}00`;
}

type Values = Readonly<Record<string, string | number | null>>;

/** The columns of a row of each type with lists; a new type does not compile without them. */
const COLUMNS: Readonly<Record<TypeName | 'Change', (row: WalkedRow) => Values>> = {
  Agent: (row) => sorted(row, 'name', 'updated_at'),
  Change: (row) => ({
    version: row.id,
    action: 'UPDATED',
    changes: '[]',
    customer_id: 1,
    ...sorted(row, 'occurred_at'),
  }),
  Customer: (row) => ({ owner_id: null, ...sorted(row, 'name', 'created_at', 'updated_at') }),
  Interaction: (row) => ({ customer_id: 1, ticket_id: null, kind: 'CALL', body: 'B', ...sorted(row, 'occurred_at') }),
  Order: (row) => ({
    ...{ number: `O${row.id}`, customer_id: 1, currency: 'EUR', total: 1 },
    ...sorted(row, 'placed_at', 'updated_at'),
  }),
  Product: (row) => ({ sku: `S${row.id}`, price: 1, currency: 'EUR', ...sorted(row, 'name', 'updated_at') }),
  Ticket: (row) => ({
    ...{ number: `T${row.id}`, customer_id: 1, assignee_id: null, subject: 'S' },
    ...sorted(row, 'opened_at', 'closed_at', 'updated_at'),
  }),
};

/** Values of columns that lists can be sorted by. */
const sorted = (row: WalkedRow, ...names: string[]): Values =>
  Object.fromEntries(names.map((name) => [name, valueOf(row, name)]));

function columnsOf(list: List, row: WalkedRow): Values {
  const status = statusOf(list.type, row);
  return {
    id: row.id,
    ...COLUMNS[list.type](row),
    ...(status && { status }),
    ...(list.parent && { [list.parent.column]: parentOf(row) }),
  };
}

/** Adds rows to a list's table. */
export async function insertRows(sql: Connection, list: List, rows: readonly WalkedRow[]): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const names = Object.keys(columnsOf(list, first));
  await sql.batch(
    `INSERT INTO ${list.table} (${names.join()}) VALUES (${names.map(() => '?').join()})`,
    rows.map((row) => Object.values(columnsOf(list, row))),
  );
}

/** Replaces the rows of a list's table. Its parents must exist, and are left alone. */
export async function replaceRows(sql: Connection, list: List, rows: readonly WalkedRow[]): Promise<void> {
  await sql.query(`DELETE FROM ${list.table}`);
  await insertRows(sql, list, rows);
}

const PARENT_ROWS: Readonly<Record<string, (id: number) => string>> = {
  Agent: (id) => `INSERT IGNORE INTO agents (id, name, updated_at) VALUES (${id}, 'A', NOW())`,
  Customer: (id) => `INSERT IGNORE INTO customers (id, name, updated_at) VALUES (${id}, 'C', NOW())`,
  Ticket: (id) =>
    `INSERT IGNORE INTO tickets (id, number, customer_id, subject, opened_at, updated_at)
     VALUES (${id}, 'P${id}', 1, 'S', NOW(), NOW())`,
};

/** Ensures that the parents of a list exist. */
export async function insertParents(sql: Connection, { parent }: List): Promise<void> {
  const insert = parent === undefined ? undefined : PARENT_ROWS[parent.type];
  for (const id of PARENTS) if (insert !== undefined) await sql.query(insert(id));
}
