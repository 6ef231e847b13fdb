import type { TypeName } from '../../src/crm/registry.ts';

/** A type's rows, and the column of each recorded field. */
export interface RecordedTable {
  /** Selects every row by plain SQL: each column of `columns`, and `customer_id` if it belongs to a customer. */
  readonly sql: string;
  readonly columns: Readonly<Record<string, string>>;
}

/** The types that clients write; a new type does not compile without an entry. */
export const TABLES: Readonly<Record<Exclude<TypeName, 'Agent' | 'Product'>, RecordedTable>> = {
  Customer: {
    sql: `SELECT c.*, t.tags, a.addresses FROM customers AS c
      LEFT JOIN (SELECT customer_id, GROUP_CONCAT(tag ORDER BY tag SEPARATOR ', ') AS tags FROM customer_tags
        GROUP BY customer_id) AS t ON t.customer_id = c.id
      LEFT JOIN (SELECT customer_id, GROUP_CONCAT(
          CONCAT_WS(', ', CONCAT('line1: ', JSON_QUOTE(line1)), CONCAT('city: ', JSON_QUOTE(city)),
            CONCAT('country: ', JSON_QUOTE(country))) ORDER BY position SEPARATOR '; ') AS addresses
        FROM customer_addresses GROUP BY customer_id) AS a ON a.customer_id = c.id`,
    columns: {
      ...{ externalId: 'external_id', name: 'name', email: 'email', phone: 'phone', company: 'company' },
      ...{ status: 'status', ownerId: 'owner_id', tags: 'tags', addresses: 'addresses' },
      ...{ createdAt: 'created_at', updatedAt: 'updated_at' },
    },
  },
  Order: {
    sql: `SELECT o.*, i.items, IF(o.currency = 'JPY', CAST(CAST(o.total AS DECIMAL(19, 0)) AS CHAR),
        CAST(CAST(o.total AS DECIMAL(19, 2)) AS CHAR)) AS shown_total FROM orders AS o
      LEFT JOIN (SELECT order_id, COUNT(*) AS items FROM order_items GROUP BY order_id) AS i ON i.order_id = o.id`,
    columns: {
      ...{ number: 'number', status: 'status', currency: 'currency', items: 'items', total: 'shown_total' },
      ...{ placedAt: 'placed_at', updatedAt: 'updated_at' },
    },
  },
  Ticket: {
    sql: 'SELECT * FROM tickets',
    columns: {
      ...{ number: 'number', subject: 'subject', status: 'status', priority: 'priority' },
      ...{ assigneeId: 'assignee_id', closedAt: 'closed_at', updatedAt: 'updated_at' },
    },
  },
  Interaction: {
    sql: 'SELECT * FROM interactions',
    columns: { kind: 'kind', ticketId: 'ticket_id', agentId: 'agent_id', occurredAt: 'occurred_at' },
  },
};

/** A column's value in the record's format. */
export function asRecorded(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return value instanceof Date ? value.toISOString() : `${value as string | number | bigint}`;
}

/** Formats rows for messages. */
export const shown = (value: unknown): string =>
  JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? String(member) : member));
