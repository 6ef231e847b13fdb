import { fileURLToPath } from 'node:url';
import type { Connection } from 'mariadb';
import { migrationsFolder } from '../src/cli/migrations-folder.ts';
import { inTransaction, openConnection } from '../src/data/connection.ts';
import { createRowWriter, type RowWriter } from '../src/data/row-writer.ts';
import { seedDatabase } from '../src/data/seed/seed-database.ts';
import { applyMigrations } from '../src/db/migrate.ts';
import { demo, startEmbeddedServers, type EmbeddedServers } from '../src/embedded/index.ts';
import { GROUP_SIZE, GROUPS } from './cases.ts';

const DATABASE = 'bench';
const CROWD = { customers: 5_000, ordersPerCustomer: 5, seed: 1 } as const;

/** A database server with the bench's rows, and a Redis. */
export interface BenchServers {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** For example `MariaDB 10.11.6`. */
  readonly databaseVersion: string;
  /** How many SELECT statements the database server has run so far, whoever sent them. */
  statements(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts and fills the bench's own servers: 5,000 seeded customers and the two groups, with the same rows each time. */
export async function startBenchServers(report: (line: string) => void): Promise<BenchServers> {
  const embedded = await startEmbeddedServers({
    dataDir: fileURLToPath(new URL('../.data/bench', import.meta.url)),
    serversDir: demo.serversDir,
    database: true,
    redis: true,
    databaseName: DATABASE,
    throwAway: true,
    report,
  });
  try {
    return await fill(embedded, report);
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

async function fill(embedded: EmbeddedServers, report: (line: string) => void): Promise<BenchServers> {
  const { databaseUrl, redisUrl } = embedded;
  if (databaseUrl === undefined || redisUrl === undefined) throw new Error('embedded servers were not all started');
  const connection = await openConnection(databaseUrl);
  await connection.query(`DROP DATABASE ${DATABASE}`);
  await connection.query(`CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`);
  await connection.query(`USE ${DATABASE}`);
  await applyMigrations({ databaseUrl, folder: migrationsFolder, report: () => {} });
  const { rows } = await seedDatabase({ ...CROWD, databaseUrl });
  await inTransaction(connection, () => addGroups(connection));
  await connection.query('ANALYZE LOCAL TABLE customers, orders');
  report(`Filled ${DATABASE}: ${CROWD.customers} customers, ${rows} rows in all, and the two groups.`);
  return {
    databaseUrl,
    redisUrl,
    databaseVersion: versionOf(connection),
    statements: () => selects(connection),
    async stop() {
      await connection.end();
      await embedded.stop();
    },
  };
}

async function addGroups(connection: Connection): Promise<void> {
  const writer = createRowWriter(connection);
  for (const [group, { name, orders, createdAt }] of GROUPS.entries())
    for (let i = 0; i < GROUP_SIZE; i += 1) {
      const id = 1_000_000 * (group + 1) + i;
      const created = at(createdAt, i);
      writer.add(
        'customers',
        'id, name, email, created_at, updated_at',
        `${id}, 'Customer ${i} of ${name}', 'c${i}@${name.toLowerCase()}.example', ${created}, ${created}`,
      );
      addOrders(writer, id, { orders, from: createdAt });
    }
  await writer.flush();
}

function addOrders(writer: RowWriter, customer: number, { orders, from }: { orders: number; from: string }): void {
  for (let i = 0; i < orders; i += 1) {
    const placed = at(from, i);
    writer.add(
      'orders',
      'number, customer_id, status, currency, total, placed_at, updated_at',
      `'BENCH-${customer}-${i}', ${customer}, 'DELIVERED', 'EUR', ${i}.5, ${placed}, ${placed}`,
    );
  }
}

const at = (from: string, minutes: number): string =>
  `'${new Date(Date.parse(from) + minutes * 60_000).toISOString().slice(0, 23).replace('T', ' ')}'`;

async function selects(connection: Connection): Promise<number> {
  const [row] = await connection.query<{ Value: string }[]>("SHOW GLOBAL STATUS LIKE 'Com_select'");
  return Number(row?.Value);
}

/** For example `MariaDB 10.11.6`. */
export function versionOf({ info }: Connection): string {
  const { major, minor, patch } = info?.serverVersion ?? { major: 0, minor: 0, patch: 0 };
  return `${info?.isMariaDB() === true ? 'MariaDB' : 'MySQL'} ${major}.${minor}.${patch}`;
}
