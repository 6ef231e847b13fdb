import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import * as mariadb from 'mariadb';
import type { PageQuery } from '../../src/batch/list-query.ts';
import { pageStatement } from '../../src/batch/statements.ts';
import { globalId } from '../../src/crm/global-id.ts';
import { customers } from '../../src/crm/customer/table.ts';
import { orders } from '../../src/crm/order/table.ts';
import { parseConfig } from '../../src/config.ts';
import { connectionOptions, createDatabase } from '../../src/db/database.ts';
import { NEVER } from '../../src/time-limit.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { boundsOf, CASES, GROUP_SIZE, type Bounds } from '../cases.ts';
import { serveJson, settings } from './serve.ts';

// Sends the gateway's own statements through Prisma's driver adapter, without GraphQL. The statements are built once, here; a
// request only fills in its values. BENCH_POOL=own uses the gateway's `src/db`, which configures the driver to decode rows faster.
const read = process.env['BENCH_POOL'] === 'own' ? await ownRead() : await plainRead();

const page = (limit: number, column: string, from?: string): PageQuery => ({
  conditions: column === 'createdAt' ? [{ kind: 'range', column, from: from ?? null, to: CASES.L.to }] : [],
  sort: { column, descending: true },
  batchKey: '',
  limit: limit + 1,
  backward: false,
  from: undefined,
});
const source = { name: 'customers', table: customers, parent: undefined };
const listSql = pageStatement(source, page(50, 'createdAt'), {
  columns: ['id', 'createdAt', 'name', 'email', 'status'],
  parents: [null],
}).sql;
const parentsSql = pageStatement(source, page(20, 'createdAt', CASES.N10.from), {
  columns: ['id', 'createdAt', 'name'],
  parents: [null],
}).sql;
const childrenSql = pageStatement({ name: 'orders', table: orders, parent: 'customerId' }, page(10, 'placedAt'), {
  columns: ['id', 'placedAt', 'customerId', 'number', 'status'],
  parents: Array.from({ length: GROUP_SIZE }, () => '1'),
}).sql;

serveJson(async (name, body) => ({ customers: { nodes: await (name === 'L' ? list : nested)(boundsOf(body)) } }));

type Read = (sql: string, args: (string | bigint)[]) => Promise<readonly (readonly unknown[])[]>;

async function plainRead(): Promise<Read> {
  const connection = connectionOptions(settings().databaseUrl);
  const pool = mariadb.createPool({ ...connection, connectionLimit: 10, prepareCacheLength: 256, timezone: 'Z' });
  const adapter = await new PrismaMariaDb(pool, { database: connection.database }).connect();
  const anyType = { scalarType: 'unknown', arity: 'scalar' } as const;
  return async (sql, args) => (await adapter.queryRaw({ sql, args, argTypes: args.map(() => anyType) })).rows;
}

async function ownRead(): Promise<Read> {
  const { limits } = parseConfig({});
  const database = await createDatabase({
    url: settings().databaseUrl,
    connections: limits.databaseConnections,
    statementMs: limits.statementMs,
    metrics: createMetrics(),
  });
  const reader = database.reader(NEVER);
  return (sql, values) => reader.read({ name: 'bench', sql, values });
}

async function list({ to }: Bounds) {
  const rows = await read(listSql, [sqlTime(to), 51n]);
  return rows.slice(0, 50).map(([id, createdAt, name, email, status]) => ({
    id: globalId('Customer', String(id)),
    name,
    email,
    status,
    createdAt: isoTime(String(createdAt)),
  }));
}

async function nested({ from, to }: Bounds) {
  const parents = (await read(parentsSql, [sqlTime(from ?? to), sqlTime(to), 21n])).slice(0, GROUP_SIZE);
  const children = await read(
    childrenSql,
    parents.flatMap(([id]) => [BigInt(String(id)), 11n]),
  );
  const byParent = Map.groupBy(children, (row) => row[2]);
  return parents.map(([id, , name]) => ({
    id: globalId('Customer', String(id)),
    name,
    orders: {
      nodes: (byParent.get(id) ?? []).slice(0, 10).map(([orderId, placedAt, , number, status]) => ({
        id: globalId('Order', String(orderId)),
        number,
        status,
        placedAt: isoTime(String(placedAt)),
      })),
    },
  }));
}

function sqlTime(text: string): string {
  return `${text.slice(0, 10)} ${text.slice(11, 23)}`;
}

/** From the adapter's 2026-11-23T09:30:00+00:00 or ...00.123+00:00, or MySQL's own 2026-11-23 09:30:00.000. */
function isoTime(given: string): string {
  if (given[10] === ' ') return `${given.slice(0, 10)}T${given.slice(11)}Z`;
  return given.length === 25 ? `${given.slice(0, 19)}.000Z` : `${given.slice(0, 23)}Z`;
}
