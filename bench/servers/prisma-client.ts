import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import { globalId } from '../../src/crm/global-id.ts';
import { connectionOptions } from '../../src/db/database.ts';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import { boundsOf, type Bounds } from '../cases.ts';
import { serveJson, settings } from './serve.ts';

// Typical Prisma Client code, without GraphQL: the same columns, order and number of rows.
const adapter = new PrismaMariaDb({
  ...connectionOptions(settings().databaseUrl),
  connectionLimit: 10,
  prepareCacheLength: 256,
});
const client = new PrismaClient({ adapter });

serveJson(async (name, body) => ({ customers: { nodes: await (name === 'L' ? list : nested)(boundsOf(body)) } }));

async function list({ to }: Bounds) {
  const rows = await client.customer.findMany({
    where: { createdAt: { lt: to } },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: 50,
    select: { id: true, name: true, email: true, status: true, createdAt: true },
  });
  return rows.map((row) => Object.assign(row, { id: globalId('Customer', String(row.id)) }));
}

/** Prisma's query language cannot request the first rows of each of many parents, so this takes one call per parent. */
async function nested({ from, to }: Bounds) {
  const customers = await client.customer.findMany({
    where: { createdAt: { gte: from ?? to, lt: to } },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: 20,
    select: { id: true, name: true },
  });
  return Promise.all(
    customers.map(async ({ id, name }) => {
      const orders = await client.order.findMany({
        where: { customerId: id },
        orderBy: [{ placedAt: 'desc' }, { id: 'desc' }],
        take: 10,
        select: { id: true, number: true, status: true, placedAt: true },
      });
      const nodes = orders.map((order) => Object.assign(order, { id: globalId('Order', String(order.id)) }));
      return { id: globalId('Customer', String(id)), name, orders: { nodes } };
    }),
  );
}
