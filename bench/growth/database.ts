import { fileURLToPath } from 'node:url';
import type { Connection } from 'mariadb';
import { migrationsFolder } from '../../src/cli/migrations-folder.ts';
import { openConnection } from '../../src/data/connection.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { applyMigrations } from '../../src/db/migrate.ts';
import { demo, startEmbeddedServers } from '../../src/embedded/index.ts';
import { versionOf } from '../data.ts';

/** The customer with as many orders as there are customers. */
export const LARGEST_CUSTOMER = 1;
const ORDERS_PER_CUSTOMER = 10;

/** A database of one size, on a server of its own. */
export interface GrownDatabase {
  readonly customers: number;
  readonly url: string;
  /** For example `MariaDB 10.11.6`. */
  readonly version: string;
  readonly samples: Samples;
  stop(): Promise<void>;
}

/** Rows from all over the tables, in the same number for each size. */
export interface Samples {
  readonly customers: readonly { id: bigint; external_id: string; name: string; email: string; phone: string }[];
  readonly orders: readonly { id: bigint; number: string }[];
  readonly tickets: readonly { id: bigint }[];
  readonly products: readonly { sku: string }[];
  readonly agents: readonly { id: bigint }[];
}

/**
 * Starts a server with seeded rows: ten orders for each customer, and one customer with a tenth of all orders besides. The rows are
 * kept in `.data/growth` for the next run, since a million customers take long to write; an interrupted seed is continued.
 */
export async function openGrownDatabase(customers: number, report: (line: string) => void): Promise<GrownDatabase> {
  const servers = await startEmbeddedServers({
    dataDir: fileURLToPath(new URL(`../../.data/growth/${customers}`, import.meta.url)),
    serversDir: demo.serversDir,
    database: true,
    redis: false,
    databaseName: 'growth',
    report,
  });
  try {
    const { databaseUrl: url = '' } = servers;
    await applyMigrations({ databaseUrl: url, folder: migrationsFolder, report: () => {} });
    const seeding = { customers, ordersPerCustomer: ORDERS_PER_CUSTOMER, seed: 1, databaseUrl: url };
    const { outcome, rows } = await seedDatabase({ ...seeding, report: progressOf(customers, report) });
    if (outcome === 'seeded') report(`Seeded ${customers} customers: ${rows} rows.`);
    const connection = await openConnection(url);
    try {
      await addLargestCustomer(connection, customers);
      return { customers, url, version: versionOf(connection), samples: await sample(connection), stop: servers.stop };
    } finally {
      await connection.end();
    }
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

/** A line for each tenth. */
function progressOf(customers: number, report: (line: string) => void) {
  let told = 0;
  return ({ customersDone }: { readonly customersDone: number }): void => {
    const tenths = Math.floor((10 * customersDone) / customers);
    if (tenths > told && tenths < 10) report(`Seeded ${customersDone} of ${customers} customers.`);
    told = Math.max(told, tenths);
  };
}

/** In one statement, so that either all of these orders are there or none. */
async function addLargestCustomer(connection: Connection, customers: number): Promise<void> {
  const [first] = await connection.query<object[]>("SELECT id FROM orders WHERE number LIKE 'LARGEST-%' LIMIT 1");
  if (first !== undefined) return;
  await connection.query(
    `INSERT INTO orders (number, customer_id, status, currency, total, placed_at, updated_at)
     SELECT CONCAT('LARGEST-', id), ?, status, currency, total, placed_at, updated_at FROM orders
     WHERE id <= ? AND id % ? = 0`,
    [LARGEST_CUSTOMER, customers * ORDERS_PER_CUSTOMER, ORDERS_PER_CUSTOMER],
  );
  await connection.query('ANALYZE LOCAL TABLE orders');
}

const SAMPLES = 500;

async function sample(connection: Connection): Promise<Samples> {
  const [last] = await connection.query<{ id: bigint }[]>('SELECT MAX(id) AS id FROM customers');
  const step = Number(last?.id) / SAMPLES;
  const ids = Array.from({ length: SAMPLES }, (_, i) => Math.floor((i + 0.5) * step) + 1);
  const at = <Row>(sql: string): Promise<Row[]> => connection.query<Row[]>(sql, [ids]);
  return {
    customers: await at('SELECT id, external_id, name, email, phone FROM customers WHERE id IN (?)'),
    orders: await at(
      'SELECT MIN(id) AS id, MIN(number) AS number FROM orders WHERE customer_id IN (?) GROUP BY customer_id',
    ),
    tickets: await at('SELECT MIN(id) AS id FROM tickets WHERE customer_id IN (?) GROUP BY customer_id'),
    products: await connection.query(`SELECT sku FROM products ORDER BY id LIMIT ${SAMPLES}`),
    agents: await connection.query('SELECT id FROM agents ORDER BY id LIMIT 10'),
  };
}
