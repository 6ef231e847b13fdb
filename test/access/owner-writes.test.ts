import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { buildSchema, getNamedType, GraphQLID, isInputObjectType } from 'graphql';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { untilWaiting } from '../mutations/writing-gateway.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

/** Customers of the first agent, and of the second, with a lower and a higher id; and ids that were merged into these. */
const [OWN, LOW, HIGH, INTO_LOW, INTO_HIGH, MISSING] = [30, 10, 50, 900_001, 900_002, 999_999];
const CUSTOMERS = 60;

let database: TestDatabase;
let gateway: TestGateway;
let one: Readonly<Record<string, string>>;
let everybody: Readonly<Record<string, string>>;

beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: CUSTOMERS, ordersPerCustomer: 2, seed: 1 });
  // A write that has to wait for a row gives up after two seconds at a time.
  const settings = { ...PATIENT, ...BY_SECRET, LIMIT_STATEMENT_MS: '3000' };
  gateway = await startGateway({ databaseUrl: database.url, settings });
  const scope = 'crm:read crm:write crm:pii';
  one = bearing(await tokenOf({ scope, owner: nodeId('Agent', 1) }));
  everybody = bearing(await tokenOf({ scope }));
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

const sql = (statement: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> =>
  withConnection(database.url, (connection) => connection.query(statement, values));

beforeEach(async () => {
  await sql('UPDATE customers SET owner_id = IF(id = ?, 1, 2)', [OWN]);
  await sql('UPDATE customer_tags SET owner_id = IF(customer_id = ?, 1, 2)', [OWN]);
  await sql("REPLACE INTO customer_merges (merged_id, kept_id, merged_at) VALUES (?, ?, '2026-01-01')", [
    INTO_LOW,
    LOW,
  ]);
  await sql("REPLACE INTO customer_merges (merged_id, kept_id, merged_at) VALUES (?, ?, '2026-01-01')", [
    INTO_HIGH,
    HIGH,
  ]);
  // Each of these customers has an order and a ticket with its own id.
  await sql('UPDATE orders SET customer_id = id WHERE id IN (?)', [[OWN, LOW, HIGH]]);
  await sql(
    `REPLACE INTO tickets (id, number, customer_id, subject, assignee_id, opened_at, updated_at)
     SELECT id, CONCAT('N-', id), id, 'Lost', 2, '2026-01-01', '2026-01-01' FROM customers WHERE id IN (?)`,
    [[OWN, LOW, HIGH]],
  );
});

interface Refusable {
  readonly type: 'Customer' | 'Order' | 'Ticket';
  readonly input: (id: string) => object;
}
const mine = nodeId('Customer', OWN);
const items = [{ product: { id: nodeId('Product', 1) }, quantity: 1, unitPrice: '1' }];
/** What takes the id of something that belongs to a customer, by mutation and field. */
const WRITES: Readonly<Record<string, Refusable>> = {
  'updateCustomer.id': { type: 'Customer', input: (id) => ({ id, company: 'Stolen' }) },
  'deleteCustomer.id': { type: 'Customer', input: (id) => ({ id }) },
  'mergeCustomers.keepId': { type: 'Customer', input: (id) => ({ keepId: id, mergeId: mine }) },
  'mergeCustomers.mergeId': { type: 'Customer', input: (id) => ({ keepId: mine, mergeId: id }) },
  'addTags.customerId': { type: 'Customer', input: (customerId) => ({ customerId, tags: ['a', 'b'] }) },
  'removeTags.customerId': { type: 'Customer', input: (customerId) => ({ customerId, tags: ['a', 'b'] }) },
  'setAddresses.customerId': { type: 'Customer', input: (customerId) => ({ customerId, addresses: [] }) },
  'createOrder.customerId': { type: 'Customer', input: (customerId) => ({ customerId, currency: 'EUR', items }) },
  'updateOrderStatus.id': { type: 'Order', input: (id) => ({ id, status: 'PAID' }) },
  'openTicket.customerId': { type: 'Customer', input: (customerId) => ({ customerId, subject: 'Stolen' }) },
  'updateTicket.id': { type: 'Ticket', input: (id) => ({ id, subject: 'Stolen' }) },
  'logInteraction.customerId': {
    type: 'Customer',
    input: (customerId) => ({ customerId, kind: 'NOTE', body: 'Stolen' }),
  },
  'logInteraction.ticketId': {
    type: 'Ticket',
    input: (ticketId) => ({ customerId: mine, ticketId, kind: 'NOTE', body: 'Stolen' }),
  },
};
/** What names an agent, with the id of a row that the caller may write. */
const NAMING: Readonly<Record<string, object>> = {
  'createCustomer.ownerId': { name: 'Eve' },
  'updateCustomer.ownerId': { id: mine },
  'openTicket.assigneeId': { customerId: mine, subject: 'Help' },
  'updateTicket.assigneeId': { id: nodeId('Ticket', OWN) },
  'logInteraction.agentId': { customerId: mine, kind: 'NOTE', body: 'Called' },
};
const SHOWN: Readonly<Record<string, string>> = {
  deleteCustomer: 'deletedCustomerId',
  createOrder: 'order { id version }',
  updateOrderStatus: 'order { id version }',
  openTicket: 'ticket { id assignee { name } }',
  updateTicket: 'ticket { id assignee { name } }',
  logInteraction: 'interaction { id agent { name } }',
};

interface Refused {
  readonly userErrors: readonly { readonly code: string; readonly path: readonly string[] }[];
}
async function written(headers: Readonly<Record<string, string>>, mutation: string, input: object): Promise<Refused> {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input!`;
  const shown = `${SHOWN[mutation] ?? 'customer { id version }'} userErrors { code message path }`;
  const document = `mutation($input: ${type}) { ${mutation}(input: $input) { ${shown} } }`;
  const { data, errors } = await gateway.request(document, { variables: { input }, headers });
  expect([mutation, errors]).toEqual([mutation, []]);
  return data[mutation];
}

/** The answer, and how many statements of each kind it took. */
async function counted(headers: Readonly<Record<string, string>>, mutation: string, input: object) {
  let answer: Refused | undefined;
  const statements = await gateway.statementsOf(async () => {
    answer = await written(headers, mutation, input);
  });
  return { answer, statements: Object.fromEntries(statements) };
}

const codesOf = (answer: Refused | undefined) => answer?.userErrors.map(({ code, path }) => [code, path.join('.')]);
const split = (place: string): readonly [string, string] => {
  const [mutation = '', field = ''] = place.split('.');
  return [mutation, field];
};

test('the tests below are about every mutation that takes an id', () => {
  const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
  const found = Object.values(schema.getMutationType()?.getFields() ?? {}).flatMap(({ name, args }) => {
    const input = getNamedType(args[0]?.type);
    const fields = isInputObjectType(input) ? Object.values(input.getFields()) : [];
    return fields.filter(({ type }) => getNamedType(type) === GraphQLID).map((field) => `${name}.${field.name}`);
  });
  expect(found.toSorted()).toEqual([...Object.keys(WRITES), ...Object.keys(NAMING)].toSorted());
});

test.each(Object.entries(WRITES))(
  "%s: a write takes as many statements for another agent's customer as for none",
  async (place, { type, input }) => {
    const [mutation, field] = split(place);
    const ids = type === 'Customer' ? [MISSING, LOW, HIGH, INTO_LOW, INTO_HIGH] : [MISSING, LOW, HIGH];
    for (const isKeyed of [false, true]) {
      const refused: Awaited<ReturnType<typeof counted>>[] = [];
      for (const id of ids)
        refused.push(
          await counted(one, mutation, {
            ...input(nodeId(type, id)),
            ...(isKeyed && { idempotencyKey: `${place} ${id}` }),
          }),
        );
      expect(codesOf(refused[0]?.answer)).toEqual([['NOT_FOUND', `input.${field}`]]);
      expect(refused).toEqual(ids.map(() => refused[0]));
    }
  },
);

test.each(Object.entries(WRITES))(
  "%s: a write that is refused waits for no writer of another agent's customer",
  async (place, { type, input }) => {
    const [mutation, field] = split(place);
    const held = [LOW, HIGH];
    await withConnection(database.url, async (connection) => {
      await connection.beginTransaction();
      for (const table of ['customers', 'orders', 'tickets'])
        expect(await connection.query(`SELECT id FROM ${table} WHERE id IN (?) FOR UPDATE`, [held])).toHaveLength(2);
      for (const id of type === 'Customer' ? [...held, INTO_LOW, INTO_HIGH] : held) {
        const answer = await written(one, mutation, input(nodeId(type, id)));
        expect([id, codesOf(answer)]).toEqual([id, [['NOT_FOUND', `input.${field}`]]]);
      }
      await connection.rollback();
    });
  },
);

test("nor, in the gateway, for its turn among writers of another agent's customer", async () => {
  const input = { id: nodeId('Customer', LOW), company: 'Engines' };
  let waiting: Promise<Refused> | undefined;
  await withConnection(database.url, async (connection) => {
    await connection.beginTransaction();
    await connection.query('SELECT id FROM customers WHERE id = ? FOR UPDATE', [LOW]);
    waiting = written(everybody, 'updateCustomer', input);
    await untilWaiting(1, { databaseUrl: database.url });
    expect(codesOf(await written(one, 'updateCustomer', input))).toEqual([['NOT_FOUND', 'input.id']]);
    await connection.rollback();
  });
  expect(codesOf(await waiting)).toEqual([]);
});

test('a customer that is given away while a write waits for it is as if it did not exist', async () => {
  let waiting: Promise<Refused> | undefined;
  await withConnection(database.url, async (connection) => {
    await connection.beginTransaction();
    await connection.query('UPDATE customers SET owner_id = 2 WHERE id = ?', [OWN]);
    waiting = written(one, 'updateCustomer', { id: mine, company: 'Engines' });
    await untilWaiting(1, { databaseUrl: database.url });
    await connection.commit();
  });
  expect(codesOf(await waiting)).toEqual([['NOT_FOUND', 'input.id']]);
});

test('a caller who may write all customers pays for none of this', async () => {
  const writes: readonly (readonly [mutation: string, input: object, more: number])[] = [
    ['removeTags', { customerId: mine, tags: ['no such tag'] }, 1],
    ['updateOrderStatus', { id: nodeId('Order', OWN), status: await statusOf(OWN) }, 1],
    ['updateTicket', { id: nodeId('Ticket', OWN), subject: 'Lost' }, 1],
    ['mergeCustomers', { keepId: mine, mergeId: mine }, 2],
  ];
  for (const [mutation, input, more] of writes) {
    const counts: number[] = [];
    for (const headers of [everybody, one]) {
      const { statements } = await counted(headers, mutation, input);
      counts.push(statements['write'] ?? 0);
    }
    // A merge that is refused is checked in a further transaction.
    const checked = mutation === 'mergeCustomers' ? 2 : 0;
    expect([mutation, counts[1]]).toEqual([mutation, (counts[0] ?? 0) + more - checked]);
  }
});
const statusOf = async (id: number) => (await sql('SELECT status FROM orders WHERE id = ?', [id]))[0]?.['status'];

test('which of the customers of a merge is refused depends on nothing of those of others', async () => {
  const hidden = [LOW, HIGH, INTO_LOW, INTO_HIGH, MISSING];
  const ids = [OWN, ...hidden];
  const [byKeep, byMerge] = [[] as unknown[], [] as unknown[]];
  for (const keep of ids)
    for (const merge of ids) {
      if (keep === OWN && merge === OWN) continue;
      const input = { keepId: nodeId('Customer', keep), mergeId: nodeId('Customer', merge) };
      const { answer, statements } = await counted(one, 'mergeCustomers', input);
      const field = keep === OWN ? 'mergeId' : 'keepId';
      expect([keep, merge, codesOf(answer)]).toEqual([keep, merge, [['NOT_FOUND', `input.${field}`]]]);
      // The payload shows the customer to keep, if it may be seen.
      (keep === OWN ? byMerge : byKeep).push(statements);
    }
  for (const all of [byKeep, byMerge]) expect(all).toEqual(all.map(() => all[0]));
});

test.each(Object.entries(NAMING))(
  '%s: no agent may be named but that of the customers, existing or not',
  async (place, input) => {
    const [mutation, field] = split(place);
    const refused: Awaited<ReturnType<typeof counted>>[] = [];
    for (const id of [3, 4, 999_999])
      refused.push(await counted(one, mutation, { ...input, [field]: nodeId('Agent', id) }));
    expect(codesOf(refused[0]?.answer)).toEqual([['INVALID_INPUT', `input.${field}`]]);
    expect(refused).toEqual(refused.map(() => refused[0]));
    expect(codesOf(await written(one, mutation, { ...input, [field]: nodeId('Agent', 1) }))).toEqual([]);
    const none = codesOf(await written(one, mutation, { ...input, [field]: null }));
    expect(none).toEqual(field === 'ownerId' ? [['INVALID_INPUT', 'input.ownerId']] : []);
    // Who may see all agents may name any that exists.
    const byAll = async (id: number) =>
      codesOf(await written(everybody, mutation, { ...input, [field]: nodeId('Agent', id) }));
    expect([await byAll(999_999), await byAll(3)]).toEqual([[['NOT_FOUND', `input.${field}`]], []]);
  },
);

test('a ticket that is assigned to another agent may stay so, but not become so again', async () => {
  const update = (input: object) => written(one, 'updateTicket', { id: nodeId('Ticket', OWN), ...input });
  const assigneeId = nodeId('Agent', 2);
  expect(codesOf(await update({ subject: 'Found', assigneeId }))).toEqual([]);
  expect(codesOf(await update({ assigneeId: null }))).toEqual([]);
  expect(codesOf(await update({ assigneeId }))).toEqual([['INVALID_INPUT', 'input.assigneeId']]);
});
