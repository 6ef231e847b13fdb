/**
 * What must never be found, whatever was written: [description, a statement that finds it]. Computed by the server from the
 * rows themselves, independently of the gateway's code.
 */
export const NEVER_FOUND: readonly (readonly [what: string, sql: string])[] = [
  [
    'a customer whose counts are not those of its rows',
    `SELECT c.id, s.order_count, s.open_ticket_count, s.last_order_at, o.orders, t.tickets, o.last FROM customers AS c
     LEFT JOIN customer_stats AS s ON s.customer_id = c.id
     LEFT JOIN (SELECT customer_id, COUNT(*) AS orders, MAX(placed_at) AS last FROM orders GROUP BY customer_id) AS o
       ON o.customer_id = c.id
     LEFT JOIN (SELECT customer_id, COUNT(*) AS tickets FROM tickets WHERE status IN ('OPEN', 'PENDING')
       GROUP BY customer_id) AS t ON t.customer_id = c.id
     WHERE s.customer_id IS NULL OR s.order_count <> COALESCE(o.orders, 0)
       OR s.open_ticket_count <> COALESCE(t.tickets, 0) OR NOT s.last_order_at <=> o.last`,
  ],
  [
    'a customer and currency whose orders come to another value than is kept',
    `SELECT customer_id, currency, SUM(kept) AS kept, SUM(found) AS found FROM (
       SELECT customer_id, currency, amount AS kept, 0 AS found FROM customer_values
       UNION ALL SELECT customer_id, currency, 0, total FROM orders WHERE status NOT IN ('CANCELLED', 'REFUNDED')
     ) AS both_sides GROUP BY customer_id, currency HAVING SUM(kept) <> SUM(found)`,
  ],
  [
    'an order whose items come to another total',
    `SELECT o.id, o.total, SUM(i.total) AS found FROM orders AS o LEFT JOIN order_items AS i ON i.order_id = o.id
     GROUP BY o.id, o.total HAVING o.total <> COALESCE(SUM(i.total), 0)`,
  ],
  [
    'a closed ticket without closedAt, or an open one with it',
    "SELECT id, status, closed_at FROM tickets WHERE (status IN ('OPEN', 'PENDING')) <> (closed_at IS NULL)",
  ],
  [
    "a tag that does not repeat its customer's columns",
    `SELECT t.customer_id, t.tag FROM customer_tags AS t JOIN customers AS c ON c.id = t.customer_id
     WHERE t.created_at <> c.created_at OR t.updated_at <> c.updated_at OR BINARY t.name <> BINARY c.name`,
  ],
  [
    'a contact about a ticket of somebody else',
    `SELECT i.id, i.ticket_id FROM interactions AS i LEFT JOIN tickets AS t ON t.id = i.ticket_id
     WHERE i.ticket_id IS NOT NULL AND NOT i.customer_id <=> t.customer_id`,
  ],
  ...[
    ...['orders', 'tickets', 'interactions', 'customer_tags', 'customer_addresses', 'customer_stats'],
    'customer_values',
  ].map(
    (table) =>
      [
        `a row of ${table} without its customer`,
        `SELECT t.* FROM ${table} AS t LEFT JOIN customers AS c ON c.id = t.customer_id WHERE c.id IS NULL`,
      ] as const,
  ),
  [
    'an item of no order',
    'SELECT i.order_id FROM order_items AS i LEFT JOIN orders AS o ON o.id = i.order_id WHERE o.id IS NULL',
  ],
];
