import { termsInsert } from '../../src/crm/customer/search/terms.ts';
import { DATA_TABLES } from '../../src/data/tables.ts';
import { createDatabase } from '../support/servers.ts';
import { contentsHash, query } from './table-contents.ts';

/** A small consistent database that contains every kind of row. */
export interface ConsistentDatabase {
  readonly url: string;
  run(statements: readonly string[]): Promise<void>;
  /** A hash of every row. */
  contents(): Promise<string>;
  /** Restores the original rows. */
  restore(): Promise<void>;
  drop(): Promise<void>;
}

const AT = "'2024-05-01 10:00:00.000'";
const LATER = "'2024-05-02 10:00:00.000'";

// Customer 8 was merged into 1, and customer 9 deleted. Order 4 and ticket 3 were imported: one has no items, the other an
// unknown closing time. Totals are rounded at a half: 0.0050 EUR, 50.5 JPY, 1.2345 KWD.
const ROWS = [
  `INSERT INTO agents (id, name, updated_at) VALUES (1, 'Agent', ${AT})`,
  `INSERT INTO products (id, sku, name, price, currency, updated_at) VALUES
    (1, 'A', 'Apple', 9.99, 'EUR', ${AT}), (2, 'B', 'Book', 101, 'JPY', ${AT})`,
  `INSERT INTO customers (id, name, email, phone, owner_id, created_at, updated_at, version) VALUES
    (1, 'Anna', 'anna@example.com', '+4930901820', 1, ${AT}, ${LATER}, 2),
    (2, 'Bert', 'bert@example.com', NULL, NULL, ${AT}, ${AT}, 1), (3, 'Chen', NULL, NULL, NULL, ${AT}, ${AT}, 1)`,
  termsInsert(() => 'TRUE'),
  `INSERT INTO customer_tags (customer_id, tag, name, created_at, updated_at, owner_id) VALUES
    (1, 'vip', 'Anna', ${AT}, ${LATER}, 1), (1, 'b2b', 'Anna', ${AT}, ${LATER}, 1), (2, 'vip', 'Bert', ${AT}, ${AT}, NULL)`,
  `INSERT INTO customer_addresses (customer_id, position, line1) VALUES (1, 0, 'Here'), (1, 1, 'There'), (2, 0, 'Here')`,
  `INSERT INTO customer_stats VALUES (1, 3, 1, ${LATER}), (2, 1, 0, ${AT}), (3, 0, 0, NULL)`,
  `INSERT INTO customer_values VALUES (1, 'EUR', 28.48), (1, 'JPY', 51), (2, 'EUR', 12.5)`,
  `INSERT INTO customer_merges (merged_id, kept_id, merged_at) VALUES (8, 1, ${LATER})`,
  `INSERT INTO customer_changes (customer_id, version, action, subject_type, subject_id, changes, occurred_at) VALUES
    (1, 1, 'CREATED', NULL, NULL, '[]', ${AT}), (1, 2, 'MERGED', NULL, NULL, '[]', ${LATER}),
    (1, 1, 'CREATED', 'Customer', 8, '[]', ${AT}), (1, 2, 'MERGED', 'Customer', 8, '[]', ${LATER}),
    (1, 1, 'CREATED', 'Order', 1, '[]', ${AT}), (1, 2, 'UPDATED', 'Order', 1, '[]', ${LATER}),
    (1, 1, 'CREATED', 'Ticket', 1, '[]', ${AT}), (1, 1, 'CREATED', 'Interaction', 1, '[]', ${AT}),
    (2, 1, 'IMPORTED', NULL, NULL, '[]', ${AT}), (2, 2, 'UPDATED', 'Ticket', 3, '[]', ${LATER}),
    (3, 1, 'CREATED', NULL, NULL, '[]', ${AT}),
    (9, 1, 'CREATED', NULL, NULL, '[]', ${AT}), (9, 1, 'CREATED', 'Order', 90, '[]', ${AT}),
    (9, 2, 'DELETED', NULL, NULL, '[]', ${LATER})`,
  `INSERT INTO orders (id, number, customer_id, status, currency, total, placed_at, updated_at, version) VALUES
    (1, 'O1', 1, 'PAID', 'EUR', 28.48, ${AT}, ${LATER}, 2), (2, 'O2', 1, 'PENDING', 'JPY', 51, ${LATER}, ${LATER}, 1),
    (3, 'O3', 1, 'CANCELLED', 'KWD', 1.235, ${AT}, ${AT}, 1), (4, 'O4', 2, 'PENDING', 'EUR', 12.5, ${AT}, ${AT}, 1)`,
  `INSERT INTO order_items (order_id, position, product_id, quantity, unit_price, discount, total) VALUES
    (1, 0, 1, 3, 9.99, 0.05, 28.47), (1, 1, 1, 1, 0.005, 0, 0.01), (2, 0, 2, 1, 101, 0.5, 51),
    (3, 0, 1, 1, 1.2345, 0, 1.235)`,
  `INSERT INTO tickets (id, number, customer_id, assignee_id, subject, status, opened_at, closed_at, updated_at, version)
    VALUES (1, 'T1', 1, 1, 'S', 'OPEN', ${AT}, NULL, ${AT}, 1), (2, 'T2', 2, NULL, 'S', 'CLOSED', ${AT}, ${LATER}, ${AT}, 1),
    (3, 'T3', 2, NULL, 'S', 'RESOLVED', ${AT}, NULL, ${AT}, 2)`,
  `INSERT INTO interactions (id, customer_id, ticket_id, agent_id, kind, body, occurred_at) VALUES
    (1, 1, 1, 1, 'CALL', 'B', ${AT}), (2, 2, NULL, NULL, 'NOTE', 'B', ${AT})`,
  `INSERT INTO idempotency_keys VALUES ('anna@example.com', 'k', 'createCustomer', '${'h'.repeat(43)}', '{}', ${AT})`,
];

export async function createConsistentDatabase(): Promise<ConsistentDatabase> {
  const { url, drop } = await createDatabase();
  const run = async (statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await query(url, statement);
  };
  await run(ROWS);
  await run(DATA_TABLES.flatMap((table) => [`CREATE TABLE _${table} LIKE ${table}`, fill(`_${table}`, table)]));
  return {
    url,
    run,
    contents: () => contentsHash(url),
    restore: () => run(DATA_TABLES.flatMap((table) => [`DELETE FROM ${table}`, fill(table, `_${table}`)])),
    drop,
  };
}

const fill = (table: string, from: string): string => `INSERT INTO ${table} SELECT * FROM ${from}`;
