/** A way to make a consistent database (consistent-database.ts) inconsistent, and the lines that the command must print. */
export type Planted = readonly [what: string, statements: readonly string[], lines: readonly string[]];

/** Derived data, which can be recomputed. */
export const REPAIRABLE: readonly Planted[] = [
  [
    'a wrong count of orders',
    ['UPDATE customer_stats SET order_count = 4 WHERE customer_id = 1'],
    ['customer_stats customer_id=1: order_count: expected 3, found 4'],
  ],
  [
    'a wrong count of open tickets',
    ['UPDATE customer_stats SET open_ticket_count = -1 WHERE customer_id = 2'],
    ['customer_stats customer_id=2: open_ticket_count: expected 0, found -1'],
  ],
  [
    'a wrong moment of the last order',
    ["UPDATE customer_stats SET last_order_at = '2024-05-01 10:00:00.000' WHERE customer_id = 1"],
    ['customer_stats customer_id=1: last_order_at: expected 2024-05-02 10:00:00.000, found 2024-05-01 10:00:00.000'],
  ],
  [
    'a last order where there is none, and none where there is one',
    [
      "UPDATE customer_stats SET last_order_at = IF(customer_id = 3, '2024-05-01 10:00:00.000', NULL) WHERE customer_id > 1",
    ],
    [
      'customer_stats customer_id=2: last_order_at: expected 2024-05-01 10:00:00.000, found none',
      'customer_stats customer_id=3: last_order_at: expected none, found 2024-05-01 10:00:00.000',
    ],
  ],
  [
    'missing statistics',
    ['DELETE FROM customer_stats WHERE customer_id = 3'],
    ['customer_stats customer_id=3: rows: expected one, found none'],
  ],
  [
    'a value that is off by the smallest unit',
    ["UPDATE customer_values SET amount = 28.4801 WHERE customer_id = 1 AND currency = 'EUR'"],
    ['customer_values customer_id=1 currency=EUR: amount: expected 28.4800, found 28.4801'],
  ],
  [
    'a missing value',
    ["DELETE FROM customer_values WHERE customer_id = 1 AND currency = 'JPY'"],
    ['customer_values customer_id=1 currency=JPY: amount: expected 51.0000, found none'],
  ],
  [
    'a value of cancelled orders, though it is zero',
    ["INSERT INTO customer_values VALUES (1, 'KWD', 0)"],
    ['customer_values customer_id=1 currency=KWD: rows: expected none, found 0.0000'],
  ],
  [
    'a value of no orders',
    ["INSERT INTO customer_values VALUES (3, 'USD', 5)"],
    ['customer_values customer_id=3 currency=USD: rows: expected none, found 5.0000'],
  ],
  [
    'tags with another name, which is not told',
    ["UPDATE customer_tags SET name = 'ANNA', owner_id = NULL WHERE customer_id = 1"],
    [
      "customer_tags customer_id=1: name: expected the customer's, found another",
      'customer_tags customer_id=1: owner_id: expected 1, found none',
    ],
  ],
  [
    'a tag with other moments',
    [
      "UPDATE customer_tags SET created_at = '2023-01-01', updated_at = '2023-01-02' WHERE customer_id = 1 AND tag = 'b2b'",
    ],
    [
      'customer_tags customer_id=1: created_at: expected 2024-05-01 10:00:00.000, found 2023-01-01 00:00:00.000',
      'customer_tags customer_id=1: updated_at: expected 2024-05-02 10:00:00.000, found 2023-01-02 00:00:00.000',
    ],
  ],
  [
    'missing search terms, and those of another name',
    [
      'DELETE FROM customer_search_terms WHERE customer_id = 3',
      "UPDATE customer_search_terms SET term = 'nni' WHERE customer_id = 1 AND term = 'nna'",
    ],
    [
      'customer_search_terms customer_id=1: rows: expected 10, found 9 of them and 1 others',
      'customer_search_terms customer_id=3: rows: expected 4, found 0 of them and 0 others',
    ],
  ],
  [
    'search terms at other places, in other parts, and of a customer that is gone',
    [
      'UPDATE customer_search_terms SET kind = 1 WHERE customer_id = 2 AND kind = 0',
      "INSERT INTO customer_search_terms VALUES (1, 'Ann', 0), (4, 'Dora', 0)",
    ],
    [
      'customer_search_terms customer_id=1: rows: expected 10, found 10 of them and 1 others',
      'customer_search_terms customer_id=2: rows: expected 4, found 3 of them and 1 others',
      'customer_search_terms customer_id=4: rows: expected 0, found 0 of them and 1 others',
    ],
  ],
  [
    'much of it at once, of two customers',
    ['DELETE FROM customer_stats', 'DELETE FROM customer_values', "UPDATE customer_tags SET name = ''"],
    [
      'customer_stats customer_id=1: rows: expected one, found none',
      'customer_stats customer_id=2: rows: expected one, found none',
      'customer_stats customer_id=3: rows: expected one, found none',
      "customer_tags customer_id=1: name: expected the customer's, found another",
      "customer_tags customer_id=2: name: expected the customer's, found another",
      'customer_values customer_id=1 currency=EUR: amount: expected 28.4800, found none',
      'customer_values customer_id=1 currency=JPY: amount: expected 51.0000, found none',
      'customer_values customer_id=2 currency=EUR: amount: expected 12.5000, found none',
    ],
  ],
];
