import { createHash } from 'node:crypto';
import { openConnection } from '../../src/data/connection.ts';
import { DATA_TABLES } from '../../src/data/tables.ts';

type Row = Readonly<Record<string, unknown>>;

/** Runs statements on a separate connection; BIGINT is returned as text. */
export async function query(databaseUrl: string, sql: string, values: readonly unknown[] = []): Promise<Row[]> {
  const connection = await openConnection(databaseUrl);
  try {
    const rows: unknown = await connection.query(sql, [...values]);
    if (!Array.isArray(rows)) return [];
    return rows.map((row: Row) =>
      Object.fromEntries(
        Object.entries(row).map(([key, value]) => [key, typeof value === 'bigint' ? String(value) : value]),
      ),
    );
  } finally {
    await connection.end();
  }
}

/** SHA-256 over every row of every data table: tables in the order of their names, rows in that of their primary keys. */
export async function contentsHash(databaseUrl: string): Promise<string> {
  const hash = createHash('sha256');
  for (const table of [...DATA_TABLES].sort()) {
    const keys = await query(
      databaseUrl,
      `SELECT column_name AS name FROM information_schema.key_column_usage
       WHERE table_schema = DATABASE() AND table_name = ? AND constraint_name = 'PRIMARY' ORDER BY ordinal_position`,
      [table],
    );
    const order = keys.map((key) => String(key['name'])).join(', ');
    for (const row of await query(databaseUrl, `SELECT * FROM ${table} ORDER BY ${order}`))
      hash.update(`${table}${JSON.stringify(row)}\n`);
  }
  return hash.digest('hex');
}

/** How many rows each data table has. */
export async function rowCounts(databaseUrl: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of DATA_TABLES) {
    const [row] = await query(databaseUrl, `SELECT COUNT(*) AS count FROM ${table}`);
    counts[table] = Number(row?.['count']);
  }
  return counts;
}

/** Inconsistencies in the tables: totals, statistics, duplicated columns. Empty if there are none. */
export async function contradictions(databaseUrl: string): Promise<string[]> {
  const found: string[] = [];
  for (const [rule, sql] of Object.entries(RULES)) {
    const rows = await query(databaseUrl, `${sql} LIMIT 1`);
    if (rows.length > 0) found.push(`${rule}: ${JSON.stringify(rows[0])}`);
  }
  return found;
}

const DIGITS = "CASE o.currency WHEN 'JPY' THEN 0 WHEN 'KWD' THEN 3 ELSE 2 END";

const RULES = {
  'an item comes to quantity * unit price * (1 - discount), rounded to its currency': `
    SELECT i.* FROM order_items i JOIN orders o ON o.id = i.order_id
    WHERE i.total <> ROUND(i.quantity * i.unit_price * (1 - i.discount), ${DIGITS})`,
  'the total of an order is the sum of its items': `
    SELECT o.id, o.total FROM orders o
    WHERE o.total <> (SELECT COALESCE(SUM(i.total), 0) FROM order_items i WHERE i.order_id = o.id)`,
  'every customer has statistics, and nobody else': `
    SELECT c.id, s.customer_id FROM customers c LEFT JOIN customer_stats s ON s.customer_id = c.id
    WHERE s.customer_id IS NULL
    UNION ALL SELECT c.id, s.customer_id FROM customer_stats s LEFT JOIN customers c ON s.customer_id = c.id
    WHERE c.id IS NULL`,
  'order_count and last_order_at follow from the orders': `
    SELECT s.* FROM customer_stats s
    LEFT JOIN (SELECT customer_id, COUNT(*) AS n, MAX(placed_at) AS last FROM orders GROUP BY customer_id) o
      ON o.customer_id = s.customer_id
    WHERE s.order_count <> COALESCE(o.n, 0) OR NOT s.last_order_at <=> o.last`,
  'open_ticket_count follows from the tickets': `
    SELECT s.* FROM customer_stats s
    LEFT JOIN (SELECT customer_id, COUNT(*) AS n FROM tickets WHERE status IN ('OPEN', 'PENDING') GROUP BY customer_id) t
      ON t.customer_id = s.customer_id
    WHERE s.open_ticket_count <> COALESCE(t.n, 0)`,
  'every value is the sum of orders that are neither cancelled nor refunded': `
    SELECT v.* FROM customer_values v LEFT JOIN (SELECT customer_id, currency, SUM(total) AS amount FROM orders
      WHERE status NOT IN ('CANCELLED', 'REFUNDED') GROUP BY customer_id, currency) o
      ON o.customer_id = v.customer_id AND o.currency = v.currency
    WHERE NOT v.amount <=> o.amount`,
  'no value is missing': `
    SELECT o.id FROM orders o LEFT JOIN customer_values v ON v.customer_id = o.customer_id AND v.currency = o.currency
    WHERE o.status NOT IN ('CANCELLED', 'REFUNDED') AND v.customer_id IS NULL`,
  'tags repeat the columns of their customer': `
    SELECT t.* FROM customer_tags t LEFT JOIN customers c ON c.id = t.customer_id
    WHERE NOT (t.created_at <=> c.created_at AND t.updated_at <=> c.updated_at AND t.name <=> c.name COLLATE utf8mb4_bin
      AND t.owner_id <=> c.owner_id)`,
  'the newest change of a customer is of its version': `
    SELECT c.id, c.version FROM customers c
    WHERE NOT c.version <=>
      (SELECT MAX(h.version) FROM customer_changes h WHERE h.customer_id = c.id AND h.subject_type IS NULL)`,
  'whatever is referred to is there': `
    SELECT o.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE c.id IS NULL
    UNION ALL SELECT i.order_id FROM order_items i LEFT JOIN orders o ON o.id = i.order_id WHERE o.id IS NULL
    UNION ALL SELECT i.order_id FROM order_items i LEFT JOIN products p ON p.id = i.product_id WHERE p.id IS NULL
    UNION ALL SELECT t.id FROM tickets t LEFT JOIN customers c ON c.id = t.customer_id WHERE c.id IS NULL
    UNION ALL SELECT n.id FROM interactions n LEFT JOIN customers c ON c.id = n.customer_id WHERE c.id IS NULL
    UNION ALL SELECT n.id FROM interactions n LEFT JOIN tickets t ON t.id = n.ticket_id
      WHERE n.ticket_id IS NOT NULL AND (t.id IS NULL OR t.customer_id <> n.customer_id)`,
} as const;
