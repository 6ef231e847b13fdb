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

/** A row in the order of the SELECT list: BIGINT and DECIMAL as strings, DATETIME as RFC 3339, the rest as they are. */
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
 * Reads go through the driver adapter's `queryRaw` and not through Prisma Client: the same 51 rows of 5 columns cost
 * 0.27 ms of CPU instead of 0.62 (2026-11-23, 2 cores, Node 26; `npm run bench` has both), and a page of many parents
 * (UNION ALL of bounded SELECTs) has no form in Prisma's query language.
 */
export async function createDatabase(options: DatabaseOptions): Promise<Database> {
  const connections = await createConnectionPool(options);
  const factory = new PrismaMariaDb(withoutTypeCast(connections.pool), {
    database: connectionOptions(options.url).database,
  });
  const adapter = await factory.connect();
  const client = new PrismaClient({ adapter: factory, log: [{ emit: 'event', level: 'query' }] });
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
 * Has the driver decode rows by itself. The adapter asks it to call back for each value, which it needs for GEOMETRY
 * alone, which no table of ours has; that makes a dozen closures a value, a fifth of all that an uncached list of 50
 * costs (0.62 ms of CPU to 0.50, 2026-11-23).
 */
function withoutTypeCast(pool: Pool): Pool {
  const execute = pool.execute.bind(pool);
  return Object.assign(pool, {
    execute: (request: QueryOptions, values: unknown) =>
      // The adapter makes the request anew for each statement.
      execute(Object.assign(request, { typeCast: undefined }), values),
  });
}

// The adapter converts only what is marked bigint or datetime; our values need no conversion.
const ANY_TYPE = { scalarType: 'unknown', arity: 'scalar' } as const;
