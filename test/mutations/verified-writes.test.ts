import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRandom, createWeighted } from '../../src/data/seed/random.ts';
import { verifyDatabase } from '../../src/data/verify/verify-database.ts';
import { withConnection } from '../support/servers.ts';
import { createSoak } from '../support/soak.ts';
import {
  customerOf,
  idOf,
  orderOf,
  rowOf,
  startWritingGateway,
  ticketOf,
  untilWaiting,
  type WritingGateway,
} from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

const drifts = async (rowsAtOnce?: number) => {
  const options = rowsAtOnce === undefined ? {} : { rowsAtOnce };
  return (await verifyDatabase({ databaseUrl: gateway.databaseUrl, ...options })).drifts;
};

/** What a customer's record of changes must contain for the random writes to be worth checking. */
const KINDS_OF_CHANGE = [
  ...['CREATED', 'UPDATED', 'MERGED', 'DELETED'].map((action) => `${action} Customer`),
  ...['Order', 'Ticket'].flatMap((type) => [`CREATED ${type}`, `UPDATED ${type}`]),
];

describe('npm run verify finds nothing', () => {
  test('after each mutation', async () => {
    const { id } = customerOf(
      await gateway.create({ name: 'Ada', tags: ['a', 'b'], addresses: [{ line1: '1' }, { line1: '2' }] }),
    );
    expect(['createCustomer', await drifts()]).toEqual(['createCustomer', []]);
    await gateway.update({ id, name: 'Ada L.', expectedVersion: 1, idempotencyKey: 'once' });
    expect(['updateCustomer', await drifts()]).toEqual(['updateCustomer', []]);
    await gateway.log({ customerId: id, kind: 'NOTE', body: 'Hello', agentId: idOf('Agent', 1) });
    expect(['logInteraction', await drifts()]).toEqual(['logInteraction', []]);
    await gateway.update({ id, name: 'x', expectedVersion: 1, idempotencyKey: 'refused' });
    expect(['a refusal', await drifts()]).toEqual(['a refusal', []]);
    await gateway.addTags({ customerId: id, tags: ['c'] });
    await gateway.removeTags({ customerId: id, tags: ['a'] });
    await gateway.setAddresses({ customerId: id, addresses: [{ line1: '3' }] });
    expect(['tags and addresses', await drifts()]).toEqual(['tags and addresses', []]);
    const items = [{ product: { sku: 'P-001-EUR' }, quantity: 3, unitPrice: '19.99', discount: '0.05' }];
    const orders = [];
    for (const number of ['V-1', 'V-2'])
      orders.push(orderOf(await gateway.order({ customerId: id, number, currency: 'EUR', items })));
    expect(['createOrder', await drifts()]).toEqual(['createOrder', []]);
    for (const { id: order } of orders) await gateway.advance({ id: order, status: 'CANCELLED' });
    expect(['updateOrderStatus', await drifts()]).toEqual(['updateOrderStatus', []]);
    const ticket = ticketOf(await gateway.openTicket({ customerId: id, subject: 'Help' }));
    await gateway.updateTicket({ id: ticket.id, status: 'RESOLVED' });
    expect(['tickets', await drifts()]).toEqual(['tickets', []]);
    const merged = await gateway.merge({ keepId: id, mergeId: idOf('Customer', 2) });
    expect(['mergeCustomers', merged.userErrors, await drifts()]).toEqual(['mergeCustomers', [], []]);
    await gateway.remove({ id });
    await gateway.remove({ id: idOf('Customer', 1) });
    expect(['deleteCustomer', await drifts()]).toEqual(['deleteCustomer', []]);
  });

  test('while a gateway writes, and afterwards', async () => {
    const { seed, again, goesOn } = createSoak('verified');
    const random = createRandom(seed, 0);
    const ids = Array.from({ length: 20 }, (_, i) => idOf('Customer', i + 20));
    const [orders, tickets]: [string[], string[]] = [[], []];
    const [before] = await gateway.sql('SELECT MAX(id) AS id FROM customer_changes');
    let [writes, checks] = [0, 0];
    const items = () => [{ product: { sku: 'P-001-EUR' }, quantity: random.between(1, 9), unitPrice: '3.35' }];
    // [relative frequency, a write about a customer]
    const kinds: readonly [number, (id: string, key: object) => Promise<unknown>][] = [
      [
        2,
        async (_, key) => {
          const { customer } = await gateway.create({ name: 'New', tags: ['c', 'b', 'a'], ...key });
          if (customer !== null) ids.push(customer.id);
        },
      ],
      [2, (id, key) => gateway.remove({ id, ...key })],
      [2, (id, key) => gateway.merge({ keepId: id, mergeId: random.pick(ids), ...key })],
      [2, (customerId, key) => gateway.log({ customerId, kind: 'CALL', body: 'x', ...key })],
      [2, (id, key) => gateway.update({ id, name: `Name ${random.below(1_000)}`, ...key })],
      [1, (customerId, key) => gateway.addTags({ customerId, tags: [`tag ${random.below(9)}`], ...key })],
      [1, (customerId, key) => gateway.removeTags({ customerId, tags: [`tag ${random.below(9)}`], ...key })],
      [
        1,
        (customerId, key) => gateway.setAddresses({ customerId, addresses: [{ line1: 'x' }, { line1: 'y' }], ...key }),
      ],
      [
        3,
        async (customerId, key) => {
          const { order } = await gateway.order({ customerId, currency: 'EUR', items: items(), ...key });
          if (order !== null) orders.push(order.id);
        },
      ],
      [
        3,
        async (customerId, key) => {
          const { ticket } = await gateway.openTicket({ customerId, subject: 'x', ...key });
          if (ticket !== null) tickets.push(ticket.id);
        },
      ],
      [
        2,
        async (_, key) => {
          const status = random.pick(['PAID', 'CANCELLED', 'REFUNDED']);
          if (orders.length > 0) await gateway.advance({ id: random.pick(orders), status, ...key });
        },
      ],
      [
        2,
        async (_, key) => {
          const status = random.pick(['OPEN', 'RESOLVED', 'CLOSED']);
          if (tickets.length > 0) await gateway.updateTicket({ id: random.pick(tickets), status, ...key });
        },
      ],
    ];
    const pick = createWeighted(kinds.map(([weight, write]) => [write, weight] as const));
    const writeOne = async (): Promise<void> => {
      const key = random.chance(500) ? { idempotencyKey: `key ${random.below(500)}` } : {};
      await pick(random)(random.pick(ids), key);
    };
    // And until every kind of write has occurred, however few happen during one check.
    let missing = KINDS_OF_CHANGE;
    const isBusy = (): boolean => goesOn(writes >= 200 && checks >= 3 && (missing.length === 0 || writes >= 20_000));
    const client = async (): Promise<void> => {
      for (; isBusy(); writes += 1) await writeOne();
    };
    const writing = Promise.all(Array.from({ length: 4 }, client));
    const found: unknown[] = [];
    // Many small ranges, each with its own snapshot.
    for (; isBusy(); checks += 1) {
      found.push(...(await drifts(200)));
      const entries = await gateway.sql(
        `SELECT DISTINCT CONCAT(action, ' ', COALESCE(subject_type, 'Customer')) AS kind
         FROM customer_changes WHERE id > ?`,
        [before?.['id']],
      );
      missing = KINDS_OF_CHANGE.filter((kind) => !entries.some((entry) => entry['kind'] === kind));
    }
    await writing;
    expect({ again, found: [...found, ...(await drifts())] }).toEqual({ again, found: [] });
    expect({ again, missing }).toEqual({ again, missing: [] });
  });
});

test('a repair waits for writers that have locked the customer, and includes what they have written', async () => {
  const customer = customerOf(await gateway.create({ name: 'Busy' }));
  const id = rowOf(customer.id);
  await gateway.sql('UPDATE customer_stats SET order_count = 98 WHERE customer_id = ?', [id]);
  const repaired = await withConnection(gateway.databaseUrl, async (connection) => {
    await connection.beginTransaction();
    await connection.query('SELECT id FROM customers WHERE id = ? FOR UPDATE', [id]);
    await connection.query(
      `INSERT INTO orders (number, customer_id, status, currency, total, placed_at, updated_at)
       VALUES ('X-1', ?, 'CANCELLED', 'EUR', 0, '2024-01-01', '2024-01-01')`,
      [id],
    );
    await connection.query(
      "UPDATE customer_stats SET order_count = order_count + 1, last_order_at = '2024-01-01' WHERE customer_id = ?",
      [id],
    );
    const repairing = verifyDatabase({ databaseUrl: gateway.databaseUrl, repairs: true });
    const waiting = untilWaiting(1, gateway).then(() => 'it waits');
    expect(await Promise.race([repairing, waiting])).toBe('it waits');
    await connection.commit();
    return repairing;
  });
  const key = { customer_id: String(id) };
  expect(repaired.drifts).toEqual([
    { table: 'customer_stats', key, field: 'order_count', expected: '1', found: '99', isRepaired: true },
  ]);
  expect(await drifts()).toEqual([]);
});
