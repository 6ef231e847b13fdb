import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { idOf, rowOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

/** The tables with a column of this name, except the record of changes, which outlives its customer. */
async function tablesWith(column: string): Promise<string[]> {
  const rows = await gateway.sql(
    `SELECT c.table_name AS name FROM information_schema.columns AS c WHERE c.table_schema = DATABASE()
     AND c.column_name = ? AND c.table_name <> 'customer_changes' ORDER BY c.table_name`,
    [column],
  );
  return rows.map(({ name }) => String(name));
}

const PARENTS = { customer_id: 'customers', order_id: 'orders', ticket_id: 'tickets' };

async function countOrphans(): Promise<Record<string, bigint>> {
  const counts: Record<string, bigint> = {};
  for (const [column, parent] of Object.entries(PARENTS))
    for (const table of await tablesWith(column)) {
      const [row] = await gateway.sql(
        `SELECT COUNT(*) AS orphans FROM ${table} AS t LEFT JOIN ${parent} AS p ON p.id = t.${column}
         WHERE p.id IS NULL AND t.${column} IS NOT NULL`,
      );
      counts[`${table}.${column}`] = row?.['orphans'] as bigint;
    }
  return counts;
}

/** A customer with rows in as many tables as possible. */
async function busiest(): Promise<number> {
  const tables = await tablesWith('customer_id');
  const counts = tables.map((table) => `EXISTS (SELECT 1 FROM ${table} AS t WHERE t.customer_id = c.id)`);
  const withTicket = 'EXISTS (SELECT 1 FROM interactions AS i WHERE i.customer_id = c.id AND i.ticket_id IS NOT NULL)';
  const [row] = await gateway.sql(
    `SELECT c.id FROM customers AS c ORDER BY ${[...counts, withTicket].join(' + ')} DESC, c.id LIMIT 1`,
  );
  return Number(row?.['id']);
}

describe('deleteCustomer', () => {
  test('leaves no row of the customer in any table, and all rows of other customers', async () => {
    const id = await busiest();
    const tables = await tablesWith('customer_id');
    expect(tables.length).toBeGreaterThanOrEqual(7);
    const before = await gateway.everything();
    for (const table of tables)
      expect([table, before[table]?.some((row) => row['customer_id'] === BigInt(id))]).toEqual([table, true]);

    expect(await gateway.remove({ id: idOf('Customer', id) })).toEqual({
      deletedCustomerId: idOf('Customer', id),
      userErrors: [],
    });
    const after = await gateway.everything();
    const orders = new Set(
      before['orders']?.filter((row) => row['customer_id'] === BigInt(id)).map((row) => row['id']),
    );
    const others = Object.entries(before).map(([table, rows]) => [
      table,
      rows.filter(
        (row) =>
          (table === 'customers' ? row['id'] !== BigInt(id) : row['customer_id'] !== BigInt(id)) &&
          !(table === 'order_items' && orders.has(row['order_id'])),
      ),
    ]);
    const { customer_changes: changes = [], ...rest } = after;
    const { customer_changes: changesBefore, ...restBefore } = Object.fromEntries(others);
    expect(rest).toEqual(restBefore);
    expect(changes.filter((row) => row['customer_id'] !== BigInt(id))).toEqual(changesBefore);
    const orphans = await countOrphans();
    expect(Object.keys(orphans)).toContain('order_items.order_id');
    expect(new Set(Object.values(orphans))).toEqual(new Set([0n]));
    const last = changes.findLast((row) => row['customer_id'] === BigInt(id));
    expect(last).toMatchObject({ action: 'DELETED', changes: '[]' });
  });

  test('refuses a second deletion and a stale version, and later updates and contacts are refused', async () => {
    const id = idOf('Customer', await busiest());
    const notThere = { code: 'NOT_FOUND', message: 'There is no such customer.', path: ['input', 'id'] };
    const before = await gateway.everything();
    expect(await gateway.remove({ id, expectedVersion: 99 })).toMatchObject({
      deletedCustomerId: null,
      userErrors: [{ code: 'CONFLICT', path: ['input', 'expectedVersion'] }],
    });
    expect(await gateway.everything()).toEqual(before);
    expect(await gateway.remove({ id, expectedVersion: 1 })).toEqual({ deletedCustomerId: id, userErrors: [] });
    const gone = await gateway.everything();
    expect(await gateway.remove({ id })).toEqual({ deletedCustomerId: null, userErrors: [notThere] });
    expect(await gateway.update({ id, name: 'Ghost' })).toEqual({ customer: null, userErrors: [notThere] });
    expect(await gateway.log({ customerId: id, kind: 'NOTE', body: 'boo' })).toEqual({
      interaction: null,
      userErrors: [{ ...notThere, path: ['input', 'customerId'] }],
    });
    expect(await gateway.everything()).toEqual(gone);
  });

  test('frees the email and the external id for another customer', async () => {
    const input = { name: 'Phoenix', email: 'phoenix@example.com', externalId: 'phoenix' };
    const first = await gateway.create(input);
    expect((await gateway.create(input)).userErrors).toMatchObject([{ code: 'ALREADY_EXISTS' }]);
    await gateway.remove({ id: first.customer?.id });
    const second = await gateway.create(input);
    expect(second.userErrors).toEqual([]);
    expect(rowOf(second.customer?.id)).toBeGreaterThan(rowOf(first.customer?.id));
  });

  test('removes the customer from results that were cached before, with its orders and tickets', async () => {
    const id = idOf('Customer', await busiest());
    const query = `query($id: ID!) { node(id: $id) { id } customers { totalCount } orders { totalCount } tickets { totalCount } }`;
    const before = await gateway.data(query, { id });
    expect((await gateway.request(query, { variables: { id } })).headers.get('x-cache')).toBe('HIT');
    await gateway.remove({ id });
    const after = await gateway.data(query, { id });
    expect(after.node).toBeNull();
    expect(after.customers.totalCount).toBe(before.customers.totalCount - 1);
    expect(after.orders.totalCount).toBeLessThan(before.orders.totalCount);
    expect(after.tickets.totalCount).toBeLessThan(before.tickets.totalCount);
  });
});
