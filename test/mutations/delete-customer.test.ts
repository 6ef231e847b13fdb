import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectNotInSchema } from './schema-refusal.ts';
import { idOf, rowOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

interface FieldChange {
  readonly field: string;
  readonly before: string | null;
  readonly after: string | null;
}

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

/** The input, and for each problem: code, path below `input`, message. */
type Refused = [what: string, input: object, errors: (readonly [code: string, path: string, message: string])[]];

const noCustomer = (came: string) => ['NOT_FOUND', 'id', `Expected the id of a Customer, got "${came}".`] as const;
const stale = (expectedVersion: number) =>
  ['CONFLICT', 'expectedVersion', `Expected version ${expectedVersion}, found 1.`] as const;
const badKey = (came: string) =>
  ['INVALID_INPUT', 'idempotencyKey', `Expected 1 to 255 characters, got ${came}.`] as const;

const REFUSED: Refused[] = [
  ['no id', { id: '' }, [noCustomer('')]],
  ['text that is not an id', { id: 'x' }, [noCustomer('x')]],
  ['the id of an order', { id: idOf('Order', 1) }, [noCustomer(idOf('Order', 1))]],
  ['a row id', { id: '1' }, [noCustomer('1')]],
  ['an id with more behind it', { id: `${idOf('Customer', 1)}AA` }, [noCustomer(`${idOf('Customer', 1)}AA`)]],
  [
    'a customer that does not exist',
    { id: idOf('Customer', 999_999) },
    [['NOT_FOUND', 'id', 'There is no such customer.']],
  ],
  ['an old version', { expectedVersion: 0 }, [stale(0)]],
  ['a negative version', { expectedVersion: -1 }, [stale(-1)]],
  ['a future version', { expectedVersion: 2 }, [stale(2)]],
  ['an empty key', { idempotencyKey: '' }, [badKey('none')]],
  ['a key of spaces', { idempotencyKey: ' ' }, [badKey('none')]],
  ['a key that is too long', { idempotencyKey: 'k'.repeat(256) }, [badKey('256')]],
  ['everything wrong at once', { id: 'x', idempotencyKey: '' }, [noCustomer('x'), badKey('none')]],
];

describe('deleteCustomer refuses, and deletes nothing,', () => {
  test.each(REFUSED)('%s', async (_, input, expected) => {
    const before = await gateway.everything();
    const { deletedCustomerId, userErrors } = await gateway.remove({ id: idOf('Customer', 1), ...input });
    expect(deletedCustomerId).toBeNull();
    expect(userErrors).toEqual(
      expected.map(([code, path, message]) => ({ code, message, path: ['input', ...path.split('.')] })),
    );
    expect(await gateway.everything()).toEqual(before);
  });

  test.each([
    ['no id at all', {}],
    ['null for the id', { id: null }],
    ['a list of ids', { id: [idOf('Customer', 1), idOf('Customer', 2)] }],
    ['a version that is text', { id: idOf('Customer', 1), expectedVersion: '1' }],
    ['a version that is no whole number', { id: idOf('Customer', 1), expectedVersion: 1.5 }],
    ['a field that there is not', { id: idOf('Customer', 1), force: true }],
  ])('what the schema does not allow: %s', async (_, input) => {
    const before = await gateway.everything();
    await expectNotInSchema(gateway, 'deleteCustomer', input);
    expect(await gateway.everything()).toEqual(before);
  });
});

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
    expect(last).toMatchObject({ action: 'DELETED' });
    // Everything that is gone from the customer's own row and lists, and how much of what belonged to it.
    const customer = before['customers']?.find((row) => row['id'] === BigInt(id));
    const recorded = new Map(
      (JSON.parse(String(last?.['changes'])) as FieldChange[]).map(({ field, before: was, after: is }) => [
        field,
        { was, is },
      ]),
    );
    expect(new Set([...recorded.values()].map(({ is }) => is))).toEqual(new Set([null]));
    for (const field of ['name', 'email', 'phone', 'company', 'status'] as const)
      expect([field, recorded.get(field)?.was]).toEqual([field, customer?.[field] ?? undefined]);
    for (const table of ['orders', 'tickets', 'interactions'] as const) {
      const count = before[table]?.filter((row) => row['customer_id'] === BigInt(id)).length;
      expect([table, recorded.get(table)?.was]).toEqual([table, String(count)]);
    }
    expect(recorded.get('tags')?.was).toContain(
      String(before['customer_tags']?.find((row) => row['customer_id'] === BigInt(id))?.['tag']),
    );
    expect(recorded.get('addresses')?.was).toContain('line1: ');
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
    expect((await gateway.create(input)).userErrors).toMatchObject([
      { code: 'ALREADY_EXISTS', path: ['input', 'email'] },
      { code: 'ALREADY_EXISTS', path: ['input', 'externalId'] },
    ]);
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
