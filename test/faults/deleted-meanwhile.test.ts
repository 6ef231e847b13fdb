import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ANY_COST, startGateway, type Answer, type TestGateway, PATIENT } from '../support/gateway.ts';
import { orGiveUp } from '../support/patience.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { idOf, rowOf } from '../mutations/writing-gateway.ts';
import { subscribe } from '../subscriptions/event-reader.ts';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';

const MEANWHILE = ['SERVICE_UNAVAILABLE', 'Something was deleted while it was being read; send the request again.'];
const items = [{ product: { sku: 'S' }, quantity: 1 }];

let database: TestDatabase;
let proxy: CuttingProxy;
/** Reads; the server's answers to it can be held back. */
let reader: TestGateway;
/** Writes, and has direct access to the same database. */
let writer: TestGateway;
beforeAll(async () => {
  database = await createDatabase();
  await sql("INSERT INTO products (sku, name, price, currency, updated_at) VALUES ('S', 'P', 5, 'EUR', NOW())");
  await sql("INSERT INTO agents (id, name, updated_at) VALUES (1, 'A', NOW())");
  const url = new URL(database.url);
  proxy = await startCuttingProxy(Number(url.port));
  url.port = String(proxy.port);
  reader = await startGateway({ databaseUrl: url.href, settings: { ...ANY_COST, ...PATIENT } });
  writer = await startGateway({ databaseUrl: database.url, settings: PATIENT });
});
afterAll(async () => {
  await reader.close();
  await writer.close();
  await proxy.close();
  await database.drop();
});

const sql = (statement: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> =>
  withConnection(database.url, (connection) => connection.query(statement, values));

async function write(name: string, selection: string, input: object) {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const mutation = `mutation($input: ${type}!) { ${name}(input: $input) { ${selection} userErrors { code } } }`;
  const payload = (await writer.data(mutation, { input }))[name];
  expect(payload.userErrors).toEqual([]);
  return payload;
}
const create = async (name: string): Promise<string> =>
  (await write('createCustomer', 'customer { id }', { name })).customer.id;
const remove = (id: string) => write('deleteCustomer', 'deletedCustomerId', { id });

/** Creates a customer with one order, ticket and interaction, each of which contains the text. */
async function createWithChildren(text: string): Promise<string> {
  const customerId = await create(text);
  await write('createOrder', 'order { id }', { customerId, number: text, currency: 'EUR', items });
  await write('openTicket', 'ticket { id }', { customerId, subject: text, assigneeId: idOf('Agent', 1) });
  await write('logInteraction', 'interaction { id }', { customerId, kind: 'NOTE', body: text });
  return customerId;
}

/** Sends a request, and runs `act` once the server has sent an answer with the text, before the gateway gets it. */
async function meanwhile(text: string, ask: () => Promise<Answer>, act: () => Promise<unknown>): Promise<Answer> {
  const holding = proxy.holdAnswer(new RegExp(text));
  const answering = ask();
  const release = await orGiveUp(`an answer with ${text}`, holding);
  await act();
  release();
  return answering;
}

let round = 0;
let text = '';
let ids: string[] = [];
beforeEach(async () => {
  round += 1;
  text = `race-${round}-`;
  ids = [];
  for (const n of [1, 2, 3]) ids.push(await createWithChildren(`${text}${n}`));
});

describe.each([
  { field: 'orders', type: 'Order', query: 'query { orders(first: 3) { nodes { number customer { name } } } }' },
  { field: 'tickets', type: 'Ticket', query: 'query { tickets(first: 3) { nodes { subject customer { name } } } }' },
])('customers of $field that are deleted after the page was read', ({ field, type, query }) => {
  test.each(['new', 'kept'])(
    'are not in the result, and neither is what belonged to them (with a %s plan)',
    async () => {
      const before = await reader.metric('concierge_retried_reads_total');
      let answer: Answer | undefined;
      const statements = await reader.statementsOf(async () => {
        answer = await meanwhile(
          `${text}3`,
          () => reader.request(query),
          async () => {
            await remove(ids[0] ?? '');
            await remove(ids[1] ?? '');
          },
        );
      });
      expect(answer?.errors).toEqual([]);
      const { nodes } = answer?.data[field] ?? {};
      expect(nodes[0].customer).toEqual({ name: `${text}3` });
      expect(JSON.stringify(nodes)).not.toMatch(new RegExp(`${text}[12]`));
      // One more statement for both, which shows that they are gone; then everything again.
      expect(Object.fromEntries(statements)).toEqual({
        [`Query.${field} page`]: 2,
        'Customer by id': 2,
        'Customer by former id': 1,
        [`Customer of ${type}`]: 1,
      });
      expect(await reader.metric('concierge_retried_reads_total')).toBe(before + 1);
    },
  );
});

test('a contact that is deleted with its customer is null if it is queried by its id', async () => {
  const [row] = await sql('SELECT id FROM interactions WHERE body = ?', [`${text}1`]);
  const query = 'query($id: ID!) { node(id: $id) { ... on Interaction { body customer { name } } } }';
  const ask = () => reader.request(query, { variables: { id: idOf('Interaction', row?.['id']) } });
  const answer = await meanwhile(`${text}1`, ask, () => remove(ids[0] ?? ''));
  expect({ data: answer.data, errors: answer.errors }).toEqual({ data: { node: null }, errors: [] });
});

test('a customer that is merged after its order was read is replaced by the kept one, without retrying the query', async () => {
  const query = 'query($number: String!) { order(by: { number: $number }) { number customer { name } } }';
  const statements = await reader.statementsOf(async () => {
    const { data } = await meanwhile(
      `${text}1`,
      () => reader.request(query, { variables: { number: `${text}1` } }),
      () => write('mergeCustomers', 'customer { id }', { keepId: ids[1], mergeId: ids[0] }),
    );
    expect(data.order.customer).toEqual({ name: `${text}2` });
  });
  expect(Object.fromEntries(statements)).toEqual({
    'Order by number': 1,
    'Customer by id': 1,
    'Customer by former id': 1,
  });
});

test('an order that was moved to another customer after it was read is returned with that customer', async () => {
  const query = 'query($number: String!) { order(by: { number: $number }) { customer { name } number } }';
  const statements = await reader.statementsOf(async () => {
    const { data } = await meanwhile(
      `${text}1`,
      () => reader.request(query, { variables: { number: `${text}1` } }),
      async () => {
        await sql('UPDATE orders SET customer_id = ? WHERE number = ?', [rowOf(ids[1]), `${text}1`]);
        await sql('DELETE FROM customers WHERE id = ?', [rowOf(ids[0])]);
      },
    );
    expect(data.order.customer).toEqual({ name: `${text}2` });
  });
  expect(Object.fromEntries(statements)).toEqual({
    'Order by number': 1,
    'Customer by id': 1,
    'Customer by former id': 1,
    'Customer of Order': 1,
  });
});

test('a customer that is missing because data is corrupt is an error, logged once, and the query is not retried', async () => {
  await sql('UPDATE orders SET customer_id = 999999 WHERE number LIKE ?', [`${text}%`]);
  const query = '{ orders(first: 3) { nodes { customer { name } status } } }';
  const statements = await reader.statementsOf(async () => {
    const { errors } = await reader.request(query);
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['INTERNAL_SERVER_ERROR']));
  });
  expect(Object.fromEntries(statements)).toEqual({
    'Query.orders page': 1,
    'Customer by id': 1,
    'Customer by former id': 1,
    'Customer of Order': 1,
  });
  await sql('DELETE FROM orders WHERE number LIKE ?', [`${text}%`]);
});

test('a mutation whose object is deleted while its result is read says so, runs once, and can be retried', async () => {
  const mutation = `mutation($input: UpdateTicketInput!) {
    updateTicket(input: $input) { ticket { subject customer { name } } userErrors { code } } }`;
  const [row] = await sql('SELECT id FROM tickets WHERE subject = ?', [`${text}1`]);
  const changed = `${text}new`;
  const input = { id: idOf('Ticket', row?.['id']), subject: changed, idempotencyKey: text };
  const ask = () => reader.request(mutation, { variables: { input } });
  const isCommitted = async () => (await sql('SELECT id FROM tickets WHERE subject = ?', [changed])).length > 0;
  const holding = proxy.holdAnswer(new RegExp(changed));
  const answering = ask();
  // The write's own statements contain the new subject too, and are released.
  let release = await holding;
  while (!(await isCommitted())) {
    const next = proxy.holdAnswer(new RegExp(changed));
    release();
    release = await orGiveUp('the next answer with the subject', next);
  }
  await remove(ids[0] ?? '');
  release();
  const gone = { updateTicket: { ticket: null, userErrors: [] } };
  const { data, errors } = await answering;
  expect(data).toEqual(gone);
  expect(errors.map(({ message, path, extensions }) => [extensions.code, message, path])).toEqual([
    [...MEANWHILE, ['updateTicket', 'ticket', 'customer']],
  ]);
  const again = await ask();
  expect([again.data, again.errors]).toEqual([gone, []]);
  const entries = await sql('SELECT version FROM customer_changes WHERE changes LIKE ?', [`%${changed}%`]);
  expect(entries.map(({ version }) => version)).toEqual([2]);
});

test('a subscription shows the remaining rows', async () => {
  const query = `subscription($id: ID!) { customerChanged(id: $id) { name owner { tickets(first: 3) {
    nodes { subject customer { name } } } } } }`;
  await write('updateCustomer', 'customer { id }', { id: ids[2], ownerId: idOf('Agent', 1) });
  const holding = proxy.holdAnswer(new RegExp(`${text}1`));
  const stream = await subscribe(reader.url, query, { variables: { id: ids[2] } });
  const first = stream.next();
  const release = await holding;
  await remove(ids[0] ?? '');
  release();
  const { data } = await first;
  expect(data.errors).toBeUndefined();
  const shown = JSON.stringify(data.data.customerChanged.owner.tickets.nodes);
  expect(shown).toContain(`${text}2`);
  expect(shown).not.toContain(`${text}1`);
  stream.close();
});
