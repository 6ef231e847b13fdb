import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import { createRandom, type Random } from '../../src/data/seed/random.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { ANY_COST, PATIENT, startGateway, type Answer, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { randomRequest, type RandomRequest } from '../support/random-request.ts';
import { REQUEST_VALUES } from '../support/request-values.ts';
import { nodeId } from '../support/seeded.ts';
import { createSoak } from '../support/soak.ts';
import { createDatabase, redisUrl, withConnection, type TestDatabase } from '../support/servers.ts';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
const cacheOf = (answer: Answer) => answer.headers.get('x-cache');
const customer = (id: number) => nodeId('Customer', id);
const { seed, again, goesOn, report } = createSoak('cache');

const QUERIES = 60;
const WRITES = 20;
const CUSTOMERS = 40;

describe('a write', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  let other: TestGateway;
  let uncached: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    await seedDatabase({ databaseUrl: database.url, customers: CUSTOMERS, ordersPerCustomer: 3, seed: 1 });
    const settings = { CACHE_PREFIX: `${database.url}:`, ...PATIENT, ...ANY_COST };
    const start = () => startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings });
    [gateway, other] = [await start(), await start()];
    uncached = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...ANY_COST } });
    await untilRedisUp(gateway, other);
  });
  afterAll(async () => {
    await Promise.all([gateway.close(), other.close(), uncached.close()]);
    await database.drop();
  });

  const mutate = async (name: string, input: object): Promise<readonly { code: string }[]> => {
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
    const query = `mutation($input: ${type}!) { ${name}(input: $input) { userErrors { code } } }`;
    return (await gateway.data(query, { input }))[name].userErrors;
  };
  const pageOf = (id: number) =>
    `{ customer(by: {id: "${customer(id)}"}) {
      name tags summary { orderCount openTicketCount } changes { totalCount }
      orders { totalCount nodes { number status } } tickets { nodes { number } } interactions { nodes { body } }
    } }`;
  const ordersOf = (id: number) =>
    `{ customer(by: {id: "${customer(id)}"}) { orders(first: 3) { nodes { number } } } }`;
  const stored = async (query: string) => {
    await gateway.request(query);
    expect(cacheOf(await gateway.request(query))).toBe('HIT');
  };

  test('to one customer keeps the pages of others cached, on every gateway', async () => {
    for (const query of [pageOf(1), pageOf(2), ordersOf(2)]) await stored(query);
    expect(await mutate('updateCustomer', { id: customer(1), name: 'Ada' })).toEqual([]);
    expect(await mutate('addTags', { customerId: customer(1), tags: ['exact'] })).toEqual([]);
    expect(
      await mutate('createOrder', {
        customerId: customer(1),
        currency: 'EUR',
        items: [{ product: { sku: 'P-001-EUR' }, quantity: 1, unitPrice: '2' }],
      }),
    ).toEqual([]);
    for (const one of [gateway, other]) {
      expect(cacheOf(await one.request(pageOf(2)))).toBe('HIT');
      expect(cacheOf(await one.request(ordersOf(2)))).toBe('HIT');
    }
    const { data, headers } = await other.request(pageOf(1));
    expect([headers.get('x-cache'), data.customer.name]).toEqual(['MISS', 'Ada']);
    expect(data.customer.tags).toContain('exact');
  });

  test('to a customer keeps its orders cached, and a new order keeps the customer itself cached', async () => {
    const name = `{ customer(by: {id: "${customer(3)}"}) { name } }`;
    const orders = `{ node(id: "${nodeId('Order', 1)}") { ... on Order { number customer { id } } } }`;
    await stored(name);
    await stored(orders);
    await mutate('openTicket', { customerId: customer(3), subject: 'Where is it?' });
    expect(cacheOf(await other.request(name))).toBe('HIT');
    expect(cacheOf(await other.request(orders))).toBe('HIT');
  });

  test('that changes nothing keeps everything cached, whether it was refused or not', async () => {
    const { customer: before } = await gateway.data(`{ customer(by: {id: "${customer(5)}"}) { name } }`);
    for (const query of [pageOf(5), '{ customers { nodes { id } } }']) await stored(query);
    expect(await mutate('updateCustomer', { id: customer(5), name: before.name })).toEqual([]);
    expect(await mutate('addTags', { customerId: customer(5), tags: ['x'], expectedVersion: 99 })).toHaveLength(1);
    const refused = { id: customer(5), name: 'Other', expectedVersion: 99, idempotencyKey: 'nothing changes' };
    for (let tries = 0; tries < 2; tries += 1) expect(await mutate('updateCustomer', refused)).toHaveLength(1);
    for (const query of [pageOf(5), '{ customers { nodes { id } } }'])
      expect(cacheOf(await other.request(query))).toBe('HIT');
  });

  test('that deletes a customer keeps the lists of what it did not have cached', async () => {
    const { createCustomer } = await gateway.data(
      'mutation { createCustomer(input: { name: "Brief" }) { customer { id } } }',
    );
    const { id } = createCustomer.customer;
    await mutate('openTicket', { customerId: id, subject: 'Delete me' });
    const [orders, tickets] = ['{ orders { nodes { number } } }', '{ tickets { nodes { number } } }'];
    for (const query of [orders, tickets]) await stored(query);
    expect(await mutate('deleteCustomer', { id })).toEqual([]);
    expect(cacheOf(await other.request(orders))).toBe('HIT');
    expect(cacheOf(await other.request(tickets))).toBe('MISS');
  });

  test('that is repeated by its key invalidates what it changed again, in case nobody was told', async () => {
    const input = { id: customer(6), company: 'Told', idempotencyKey: 'told again' };
    expect(await mutate('updateCustomer', input)).toEqual([]);
    await stored(pageOf(6));
    expect(await mutate('updateCustomer', input)).toEqual([]);
    expect(cacheOf(await other.request(pageOf(6)))).toBe('MISS');
    // Another version of the gateway stored no more than the outcome.
    await withConnection(database.url, (sql) =>
      sql.query(
        `UPDATE idempotency_keys SET answer = JSON_REMOVE(answer, '$.changes') WHERE mutation = 'updateCustomer'`,
      ),
    );
    expect(await mutate('updateCustomer', input)).toEqual([]);
  });

  const write = async (random: Random): Promise<string> => {
    const id = customer(random.between(1, CUSTOMERS));
    const another = customer(random.between(1, CUSTOMERS));
    const agent = nodeId('Agent', random.between(1, 5));
    const text = `W${random.below(1_000_000)}`;
    const items = [{ product: { sku: 'P-002-EUR' }, quantity: random.between(1, 3), unitPrice: '1.5' }];
    const inputs: readonly (readonly [string, object])[] = [
      ['createCustomer', { name: text, email: `${text}@example.com`, tags: ['VIP'], ownerId: agent }],
      ['updateCustomer', { id, name: text }],
      ['updateCustomer', { id, status: random.pick(['LEAD', 'ACTIVE', 'CHURNED']), ownerId: agent }],
      ['updateCustomer', { id, phone: { number: '+4930123456' }, email: 'ada@example.com' }],
      ['addTags', { customerId: id, tags: ['VIP', text] }],
      ['removeTags', { customerId: id, tags: ['VIP'] }],
      ['setAddresses', { customerId: id, addresses: [{ line1: text, country: 'DE' }] }],
      ['createOrder', { customerId: id, currency: 'EUR', items }],
      ['updateOrderStatus', { id: nodeId('Order', random.between(1, 90)), status: 'CANCELLED' }],
      ['openTicket', { customerId: id, subject: text, assigneeId: agent }],
      ['updateTicket', { id: nodeId('Ticket', random.between(1, 20)), status: 'CLOSED', assigneeId: agent }],
      ['logInteraction', { customerId: id, kind: 'NOTE', body: text }],
      ['mergeCustomers', { keepId: id, mergeId: another }],
      ['deleteCustomer', { id }],
    ];
    const [name, input] = random.pick(inputs);
    const errors = await mutate(name, input);
    return `${name} ${JSON.stringify(input)} ${errors.map(({ code }) => code).join()}`;
  };

  test('of any kind, chosen at random, invalidates every response that has changed', async () => {
    const random = createRandom(seed, 0);
    const asked: RandomRequest[] = Array.from({ length: QUERIES }, () =>
      randomRequest({
        schema,
        choose: (below) => random.below(below),
        values: REQUEST_VALUES,
        root: 'Query',
        selections: 25,
      }),
    );
    const ask = (of: TestGateway, { query, variables }: RandomRequest) => of.request(query, { variables });
    let hits = 0;
    let ended = 0;
    // From here on, responses are stored while they are compared.
    for (const request of asked) await ask(other, request);
    for (let turn = 0; goesOn(turn >= WRITES); turn += 1) {
      const written = await write(random);
      for (const request of asked) {
        const [cached, fresh] = [await ask(other, request), await ask(uncached, request)];
        expect({ again, written, request, data: cached.data }).toEqual({ again, written, request, data: fresh.data });
        if (cacheOf(cached) === 'HIT') hits += 1;
        else if (cacheOf(cached) === 'MISS') ended += 1;
      }
    }
    report(`${hits} answers from the cache and ${ended} that were ended, all as without a cache`);
    // Both must have happened for this test to mean anything.
    expect(hits).toBeGreaterThan(QUERIES);
    expect(ended).toBeGreaterThan(WRITES);
  });
});
