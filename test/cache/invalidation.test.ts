import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Connection } from 'mariadb';
import { createConnection } from 'mariadb';
import { connectionOptions } from '../../src/db/database.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type Answer, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { processlist, createDatabase, redisUrl, withConnection, type TestDatabase } from '../support/servers.ts';

const CREATE =
  'mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { customer { id } userErrors { code } } }';
const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { id } userErrors { code } } }';
const DELETE =
  'mutation($input: DeleteCustomerInput!) { deleteCustomer(input: $input) { deletedCustomerId userErrors { code } } }';
const LOG =
  'mutation($input: LogInteractionInput!) { logInteraction(input: $input) { interaction { id } userErrors { code } } }';

const cacheOf = (answer: Answer) => answer.headers.get('x-cache');

describe('once a mutation has returned', () => {
  let database: TestDatabase;
  let a: TestGateway;
  let b: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    await seedDatabase({ databaseUrl: database.url, customers: 40, ordersPerCustomer: 3, seed: 1 });
    const settings = {
      CACHE_PREFIX: `${database.url}:`,
      ...PATIENT,
    };
    const start = () => startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings });
    [a, b] = [await start(), await start()];
    await untilRedisUp(a, b);
  });
  afterAll(async () => {
    await Promise.all([a.close(), b.close()]);
    await database.drop();
  });

  /** Has one gateway store a response and the other serve it, then writes through the first. */
  const across = async (query: string, write: () => Promise<unknown>) => {
    expect(await stored(query)).toBe('MISS');
    const before = await b.request(query);
    expect(cacheOf(before)).toBe('HIT');
    await write();
    const after = await b.request(query);
    expect([cacheOf(after), after.errors]).toEqual(['MISS', []]);
    expect((await a.request(query)).text).toBe(after.text);
    return { before: before.data, after: after.data };
  };
  /** It is stored once this gateway finds it itself: its commands share a connection, in order. */
  const stored = async (query: string) => {
    const first = cacheOf(await a.request(query));
    expect(cacheOf(await a.request(query))).toBe('HIT');
    return first;
  };
  const create = async (name: string, more: object = {}): Promise<string> => {
    const { createCustomer } = await a.data(CREATE, { input: { name, ...more } });
    expect(createCustomer.userErrors).toEqual([]);
    return createCustomer.customer.id;
  };
  const update = (id: string, changes: object) => a.data(UPDATE, { input: { id, ...changes } });

  test('the changed object is up to date on every gateway', async () => {
    const id = await create('Ada Byron');
    const query = `{ customer(by: {id: "${id}"}) { name version changes { totalCount } } node(id: "${id}") { id } }`;
    const { before, after } = await across(query, () => update(id, { name: 'Ada Lovelace' }));
    expect(before.customer).toEqual({ name: 'Ada Byron', version: 1, changes: { totalCount: 1 } });
    expect(after.customer).toEqual({ name: 'Ada Lovelace', version: 2, changes: { totalCount: 2 } });
  });

  test('nulls, empty lists, counts and searches that should have it are up to date', async () => {
    const queries = `{
      customer(by: {email: "grace@example.com"}) { name }
      tagged: customers(filter: {tag: "compilers"}) { nodes { name } }
      customers { totalCount }
      searchCustomers(text: "Grace Ho") { nodes { name } }
    }`;
    const input = { email: 'grace@example.com', tags: ['compilers'] };
    const { before, after } = await across(queries, () => create('Grace Hopper', input));
    const count = before.customers.totalCount;
    expect(before).toEqual({
      customer: null,
      tagged: { nodes: [] },
      customers: { totalCount: count },
      searchCustomers: { nodes: [] },
    });
    expect(after).toEqual({
      customer: { name: 'Grace Hopper' },
      tagged: { nodes: [{ name: 'Grace Hopper' }] },
      customers: { totalCount: count + 1 },
      searchCustomers: { nodes: [{ name: 'Grace Hopper' }] },
    });
  });

  test('lists that it has left, and objects that only refer to it, are up to date', async () => {
    const { orders, agents } = await a.data(
      '{ orders(first: 1) { nodes { id customer { id } } } agents(first: 2) { nodes { id } } }',
    );
    const [{ id: orderId, customer }] = orders.nodes;
    const [first, second] = agents.nodes;
    await update(customer.id, { ownerId: first.id });
    const query = `{
      node(id: "${orderId}") { ... on Order { customer { owner { id } } } }
      agent(id: "${first.id}") { customers(filter: {status: [LEAD, ACTIVE, INACTIVE, CHURNED]}) { nodes { id } } }
    }`;
    const { before, after } = await across(query, () => update(customer.id, { ownerId: second.id }));
    expect(before.node).toEqual({ customer: { owner: { id: first.id } } });
    expect(before.agent.customers.nodes).toContainEqual({ id: customer.id });
    expect(after.node).toEqual({ customer: { owner: { id: second.id } } });
    expect(after.agent.customers.nodes).not.toContainEqual({ id: customer.id });
  });

  test('everything that was deleted with a customer is gone', async () => {
    const { orders } = await a.data('{ orders(first: 1) { nodes { id number customer { id } } } }');
    const [{ number, customer }] = orders.nodes;
    const query = `{ order(by: {number: "${number}"}) { number } customer(by: {id: "${customer.id}"}) { id } orders { totalCount } }`;
    const { before, after } = await across(query, () => a.data(DELETE, { input: { id: customer.id } }));
    expect(before).toMatchObject({ order: { number }, customer });
    expect(after).toMatchObject({ order: null, customer: null });
    expect(after.orders.totalCount).toBeLessThan(before.orders.totalCount);
  });

  test('a logged contact appears, and cached responses about other types stay', async () => {
    const id = await create('Edith Clarke');
    const about = `{ customer(by: {id: "${id}"}) { name } }`;
    await stored(about);
    const query = `{ customer(by: {id: "${id}"}) { interactions { totalCount nodes { body } } } }`;
    const input = { customerId: id, kind: 'NOTE', body: 'Called back.' };
    const { before, after } = await across(query, () => a.data(LOG, { input }));
    expect(before.customer.interactions).toEqual({ totalCount: 0, nodes: [] });
    expect(after.customer.interactions).toEqual({ totalCount: 1, nodes: [{ body: 'Called back.' }] });
    expect(cacheOf(await b.request(about))).toBe('HIT');
  });

  test('as refused, cached responses stay', async () => {
    const id = await create('Annie Easley', { email: 'annie@example.com' });
    const query = `{ customer(by: {id: "${id}"}) { name } }`;
    const other = await create('Anne Easley');
    await stored(query);
    const refused = [
      { name: 'Anne', expectedVersion: 7 },
      { email: 'annie@example.com', id: other },
      { ownerId: id },
      { id: 'nonsense' },
    ];
    for (const changes of refused) {
      const { updateCustomer } = await a.data(UPDATE, { input: { id, ...changes } });
      expect(updateCustomer.userErrors).toHaveLength(1);
      expect(cacheOf(await b.request(query))).toBe('HIT');
    }
  });

  test('a read that began before the write does not leave its stale response in the cache', async () => {
    const id = await create('Mary Jackson');
    // Two statements, customers and then orders, of which the second can be blocked.
    const query = `{ customer(by: {id: "${id}"}) { name orders(first: 1) { nodes { number } } } }`;
    await holding('orders', async (release) => {
      const early = b.request(query);
      await waitingFor('orders');
      await update(id, { name: 'Mary W. Jackson' });
      // Another read about customers, so that the cache is used again before the earlier read ends.
      await seen(`{ customer(by: {id: "${id}"}) { name } }`, 'Mary W. Jackson');
      await release();
      const answer = await early;
      // Verifies the premise: this response is from before the write, and would be stored if that were allowed.
      expect([answer.data.customer.name, cacheOf(answer)]).toEqual(['Mary Jackson', 'MISS']);
    });
    for (const gateway of [b, a, b]) expect((await gateway.request(query)).data.customer.name).toBe('Mary W. Jackson');
  });

  test('a read that began before the type was ever written or read does not leave one either', async () => {
    const id = await create('Dorothy Vaughan');
    const query = `{ customer(by: {id: "${id}"}) { name orders(first: 1) { nodes { number } } } }`;
    // The creation removed the versions, so this read starts without any.
    await holding('orders', async (release) => {
      const early = b.request(query);
      await waitingFor('orders');
      await Promise.all([update(id, { name: 'D. Vaughan' }), update(id, { company: 'West Area' })]);
      await seen(`{ customer(by: {id: "${id}"}) { name company } }`, 'D. Vaughan');
      await release();
      expect((await early).data.customer.name).toBe('Dorothy Vaughan');
    });
    for (const gateway of [a, b]) expect((await gateway.request(query)).data.customer.name).toBe('D. Vaughan');
  });

  test('mutations, private fields, introspection and results with errors have not been stored', async () => {
    const id = await create('Katherine Johnson');
    const never = [
      `mutation { updateCustomer(input: {id: "${id}", company: "NASA"}) { customer { company } } }`,
      '{ viewer { scopes } }',
      '{ customers(first: 1) { nodes { id } } viewer { subject } }',
      '{ __schema { queryType { name } } }',
      '{ __type(name: "Order") { name } customers(first: 1) { nodes { id } } }',
      '{ __typename }',
      // Partially and completely failed: data with errors, and only errors.
      '{ customers(first: 1) { nodes { id } } node(id: "nonsense") { id } }',
      '{ nodes(ids: ["nonsense"]) { id } }',
      '{ customers(first: 1000) { nodes { id } } }',
      '{ nothing }',
      '{',
    ];
    for (const query of [...never, ...never]) {
      const { headers, data, errors } = await a.request(query);
      expect({ query, cache: headers.get('x-cache') }).toEqual({ query, cache: 'BYPASS' });
      expect(headers.get('cache-control')).toBe('no-store');
      expect(data !== undefined || errors.length > 0).toBe(true);
    }
  });

  async function seen(query: string, name: string): Promise<void> {
    expect(await stored(query)).toBe('MISS');
    const answer = await b.request(query);
    expect([answer.data.customer.name, cacheOf(answer)]).toEqual([name, 'HIT']);
  }

  /** Locks a table against reads during `work`, or until it releases the lock. */
  async function holding(table: string, work: (release: () => Promise<void>) => Promise<void>): Promise<void> {
    const connection: Connection = await createConnection({ ...connectionOptions(database.url), connectTimeout: 0 });
    try {
      await connection.query(`LOCK TABLES ${table} WRITE`);
      await work(async () => {
        await connection.query('UNLOCK TABLES');
      });
    } finally {
      await connection.end();
    }
  }

  /** Waits until a statement about the table is waiting in the server. */
  async function waitingFor(table: string): Promise<void> {
    await withConnection(database.url, async (connection) => {
      await until(
        `a statement to wait for ${table}`,
        () =>
          connection.query<{ state: string | null; info: string | null }[]>(
            `SELECT state, info FROM ${processlist(connection)} WHERE db = DATABASE() AND id <> CONNECTION_ID()`,
          ),
        (found) =>
          found.some(
            ({ state, info }) =>
              state?.startsWith('Waiting for table') === true && info?.includes(`FROM ${table} `) === true,
          ),
      );
    });
  }
});
