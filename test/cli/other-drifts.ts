import type { Planted } from './repairable-drifts.ts';

const series = (count: number, value: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => value(i)).join();
const CHANGE =
  'INSERT INTO customer_changes (customer_id, version, action, subject_type, subject_id, changes, occurred_at)';

/** Drifts that only a person can resolve. */
export const OTHERS: readonly Planted[] = [
  [
    "an item's total that is not rounded half away from zero",
    [
      'UPDATE order_items SET total = 0.00 WHERE order_id = 1 AND position = 1',
      'UPDATE orders SET total = 28.47 WHERE id = 1',
      "UPDATE customer_values SET amount = 28.47 WHERE customer_id = 1 AND currency = 'EUR'",
    ],
    ['order_items order_id=1 position=1: total: expected 0.0100, found 0.0000'],
  ],
  [
    "items' totals that are not rounded to their currencies' smallest units",
    ['UPDATE order_items SET total = quantity * unit_price * (1 - discount) WHERE order_id IN (2, 3)'],
    [
      'order_items order_id=2 position=0: total: expected 51.0000, found 50.5000',
      'order_items order_id=3 position=0: total: expected 1.2350, found 1.2345',
      'orders id=2: total: expected 50.5000, found 51.0000',
      'orders id=3: total: expected 1.2345, found 1.2350',
    ],
  ],
  [
    "an order's total that is not its items'",
    ['UPDATE orders SET total = 1.236 WHERE id = 3'],
    ['orders id=3: total: expected 1.2350, found 1.2360'],
  ],
  [
    'a missing item',
    ['DELETE FROM order_items WHERE order_id = 1 AND position = 0'],
    [
      'order_items order_id=1: position: expected 0 to 0, found 1',
      'orders id=1: total: expected 0.0100, found 28.4800',
    ],
  ],
  [
    'an order that was created and has no items',
    ['DELETE FROM order_items WHERE order_id = 1'],
    ['orders id=1: items: expected at least 1, found 0'],
  ],
  [
    'more items than an order may have',
    [`INSERT INTO order_items VALUES ${series(200, (i) => `(3, ${i + 1}, 1, 1, 0, 0, 0)`)}`],
    ['order_items order_id=3: rows: expected at most 200, found 201'],
  ],
  [
    'items of an order that is not there',
    ['INSERT INTO order_items VALUES (77, 0, 1, 1, 1, 0, 1)'],
    ['order_items order_id=77 position=0: order_id: expected row 77 of orders, found none'],
  ],
  [
    'items of a product that is not there',
    ['DELETE FROM products WHERE id = 2'],
    ['order_items order_id=2 position=0: product_id: expected row 2 of products, found none'],
  ],
  [
    'more tags and addresses than a customer may have',
    [
      `INSERT INTO customer_tags (customer_id, tag, name, created_at, updated_at)
       SELECT c.id, t.tag, c.name, c.created_at, c.updated_at FROM customers AS c
       JOIN (${series(21, (i) => `SELECT 'tag ${i}' AS tag`).replaceAll(',', ' UNION ')}) AS t WHERE c.id = 3`,
      `INSERT INTO customer_addresses (customer_id, position, line1) VALUES ${series(21, (i) => `(3, ${i}, '')`)}`,
    ],
    [
      'customer_addresses customer_id=3: rows: expected at most 20, found 21',
      'customer_tags customer_id=3: rows: expected at most 20, found 21',
    ],
  ],
  [
    'addresses with a gap, and ones that do not begin at 0',
    ['UPDATE customer_addresses SET position = position + 2 WHERE position > 0 OR customer_id = 2'],
    [
      'customer_addresses customer_id=1: position: expected 0 to 1, found 0,3',
      'customer_addresses customer_id=2: position: expected 0 to 0, found 2',
    ],
  ],
  [
    'a customer of another version than the newest in its record',
    ['UPDATE customers SET version = 3 WHERE id = 1'],
    ['customers id=1: version: expected 2, found 3'],
  ],
  [
    'a customer without a record',
    ['DELETE FROM customer_changes WHERE customer_id = 3'],
    ['customers id=3: version: expected none, found 1'],
  ],
  [
    'a record with a gap',
    ['UPDATE customers SET version = 4 WHERE id = 1', `${CHANGE} VALUES (1, 4, 'UPDATED', NULL, NULL, '[]', NOW())`],
    ['customer_changes customer_id=1: version: expected one entry each from 1 to 4, found 1,2,4'],
  ],
  [
    'versions that are recorded twice',
    [`${CHANGE} VALUES (1, 2, 'UPDATED', NULL, NULL, '[]', NOW()), (1, 1, 'CREATED', 'Interaction', 1, '[]', NOW())`],
    [
      'customer_changes customer_id=1 subject_type=Interaction subject_id=1: version: expected one entry each from 1 to 1, found 1,1',
      'customer_changes customer_id=1: version: expected one entry each from 1 to 2, found 1,2,2',
    ],
  ],
  [
    'orders and tickets of other versions than the newest in the record',
    ['UPDATE orders SET version = version + 1', 'UPDATE tickets SET version = 1 WHERE id = 3'],
    [
      'orders id=1: version: expected 2, found 3',
      'orders id=2: version: expected 1, found 2',
      'orders id=3: version: expected 1, found 2',
      'orders id=4: version: expected 1, found 2',
      'tickets id=3: version: expected 2, found 1',
    ],
  ],
  [
    'a recorded order, ticket and contact that are not there',
    [
      `${CHANGE} VALUES (2, 1, 'CREATED', 'Order', 70, '[]', NOW()), (2, 1, 'CREATED', 'Ticket', 71, '[]', NOW()),
       (2, 1, 'CREATED', 'Interaction', 72, '[]', NOW())`,
    ],
    [
      'customer_changes customer_id=2 subject_type=Interaction: subject_id: expected row 72, found none',
      'customer_changes customer_id=2 subject_type=Order: subject_id: expected row 70, found none',
      'customer_changes customer_id=2 subject_type=Ticket: subject_id: expected row 71, found none',
    ],
  ],
  [
    'a customer that is gone while all its rows are there',
    ['DELETE FROM customers WHERE id = 2', 'DELETE FROM customer_search_terms WHERE customer_id = 2'],
    [
      'customer_addresses customer_id=2 position=0: customer_id: expected row 2 of customers, found none',
      'customer_stats customer_id=2: customer_id: expected row 2 of customers, found none',
      'customer_tags customer_id=2: customer_id: expected row 2 of customers, found none',
      'customer_values customer_id=2 currency=EUR: customer_id: expected row 2 of customers, found none',
      'interactions id=2: customer_id: expected row 2 of customers, found none',
      'orders id=4: customer_id: expected row 2 of customers, found none',
      'tickets id=2: customer_id: expected row 2 of customers, found none',
      'tickets id=3: customer_id: expected row 2 of customers, found none',
    ],
  ],
  [
    'an agent that is gone',
    ['DELETE FROM agents'],
    [
      'customers id=1: owner_id: expected row 1 of agents, found none',
      'interactions id=1: agent_id: expected row 1 of agents, found none',
      'tickets id=1: assignee_id: expected row 1 of agents, found none',
    ],
  ],
  [
    "a contact about a ticket that is not there, and one about another customer's",
    ['UPDATE interactions SET ticket_id = IF(id = 1, 70, 1)'],
    [
      'interactions id=1: ticket_id: expected row 70 of tickets, found none',
      'interactions id=2: ticket_id: expected a ticket of customer 2, found one of customer 1',
    ],
  ],
  [
    'a ticket that is open and closed, and one that the gateway closed at no time',
    [
      "UPDATE tickets SET status = IF(id = 1, 'RESOLVED', 'PENDING') WHERE id < 3",
      'UPDATE customer_stats SET open_ticket_count = customer_id - 1 WHERE customer_id < 3',
    ],
    [
      'tickets id=1: closed_at: expected a time, since it is RESOLVED, found none',
      'tickets id=2: closed_at: expected none, since it is PENDING, found 2024-05-02 10:00:00.000',
    ],
  ],
  [
    'a merged customer that is still there',
    ['UPDATE customer_merges SET merged_id = 3'],
    ['customer_merges merged_id=3: merged_id: expected no such customer, found customer 3'],
  ],
  [
    'a merge into a customer that is gone, and one by way of a third',
    ['INSERT INTO customer_merges (merged_id, kept_id, merged_at) VALUES (6, 70, NOW()), (7, 8, NOW())'],
    [
      'customer_merges merged_id=6: kept_id: expected row 70 of customers, found none',
      'customer_merges merged_id=7: kept_id: expected row 8 of customers, found one merged into 1',
    ],
  ],
  [
    'an idempotency key without an answer, of whose owner and text nothing is told',
    ['UPDATE idempotency_keys SET answer = NULL'],
    [
      `idempotency_keys created_at=2024-05-01 10:00:00.000 mutation=createCustomer input_hash=${'h'.repeat(43)}: answer: expected one, found none`,
    ],
  ],
];
