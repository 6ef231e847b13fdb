import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import type { Pool, QueryOptions } from 'mariadb';
import type { Metrics } from '../telemetry/metrics.ts';
import { PrismaClient } from '../generated/prisma/client.ts';
import { toGatewayError } from './errors.ts';
import { connectionOptions, createConnectionPool, type PoolOptions } from './pool.ts';

export { connectionOptions } from './pool.ts';

/** A value that goes to the server apart from the statement's text. 64-bit ids are bigint. */
export type SqlValue = string | number | bigint | null;

/** One SELECT. `name` is for counting and stays the same whatever the values, such as `Customer.orders page`. */
export interface ReadStatement {
  readonly name: string;
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** A row in the order of the SELECT list: BIGINT and DECIMAL as strings, DATETIME as MySQL writes it, in UTC. */
export type RawRow = readonly unknown[];

export interface Database {
  /** For writes: each in a transaction of Prisma's. */
  readonly client: PrismaClient;
  /** Sends one SELECT through Prisma's driver adapter; counted under its name. Throws TIMEOUT or SERVICE_UNAVAILABLE. */
  read(statement: ReadStatement): Promise<RawRow[]>;
  /** Resolves when the server answers; throws otherwise. */
  ping(): Promise<void>;
  /** Waits for what is under way and closes every connection. */
  close(): Promise<void>;
}

export interface DatabaseOptions extends PoolOptions {
  readonly metrics: Metrics;
}

/**
 * Connects to MySQL or MariaDB: one pool, which Prisma Client and our own reads share.
 *
 * Reads go through the driver adapter's `queryRaw` and not through Prisma Client: that costs a fraction of the CPU
 * (docs/benchmarks.md has both), and a page of many parents (UNION ALL of bounded SELECTs) has no form in Prisma's query
 * language.
 */
export async function createDatabase(options: DatabaseOptions): Promise<Database> {
  const connections = await createConnectionPool(options);
  const { database } = connectionOptions(options.url);
  const adapter = await new PrismaMariaDb(forReads(connections.pool), { database }).connect();
  const client = new PrismaClient({
    adapter: new PrismaMariaDb(connections.pool, { database }),
    log: [{ emit: 'event', level: 'query' }],
  });
  const writes = options.metrics.statements.labels('write');
  client.$on('query', () => writes.inc());
  const { statements, statementSeconds } = options.metrics;
  // By name, of which there are a few dozen: finding a label's counter costs more than counting.
  const counters = new Map<string, { inc(): void }>();
  const counterOf = (name: string) => {
    const counter = counters.get(name) ?? statements.labels(name);
    counters.set(name, counter);
    return counter;
  };

  return {
    client,
    async read({ name, sql, values }) {
      const started = performance.now();
      counterOf(name).inc();
      try {
        const result = await adapter.queryRaw({ sql, args: [...values], argTypes: values.map(() => ANY_TYPE) });
        return result.rows;
      } catch (error) {
        throw toGatewayError(error);
      } finally {
        statementSeconds.observe((performance.now() - started) / 1_000);
      }
    },
    async ping() {
      await adapter.queryRaw({ sql: 'SELECT 1', args: [], argTypes: [] });
    },
    async close() {
      await client.$disconnect();
      await connections.close();
    },
  };
}

/**
 * The pool as our reads see it: the driver decodes rows by itself and by the pool's own options, which are the adapter's,
 * and nothing is done to its values after that but making strings of BIGINT. The adapter would have the driver call back
 * for each value (for GEOMETRY, which no table of ours has), copy all its options for each statement, and, told the
 * columns, make a Date of each DATETIME. docs/benchmarks.md has the call with all that and without.
 */
function forReads(pool: Pool): Pool {
  return Object.assign(Object.create(pool) as Pool, {
    // The server's version, when the adapter connects: the pool's own method reads private fields, which a heir has not.
    query: (options: QueryOptions) => pool.query(options),
    async execute({ sql }: QueryOptions, values: unknown) {
      const rows = await pool.execute<RawRow[] & { meta: unknown }>(sql, values);
      rows.meta = undefined;
      return rows;
    },
  });
}

// The adapter converts only what is marked bigint or datetime; our values need no conversion.
const ANY_TYPE = { scalarType: 'unknown', arity: 'scalar' } as const;
