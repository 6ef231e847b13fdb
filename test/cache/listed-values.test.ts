import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';

const [AGENT_1, AGENT_2, AGENT_3] = [1, 2, 3].map((id) => nodeId('Agent', id)) as [string, string, string];
const PAGE = '{ nodes { id } totalCount }';
const customers = (filter: string) => `{ customers(filter: { ${filter} }) ${PAGE} }`;
const tickets = (filter: string) => `{ tickets(filter: { ${filter} }) ${PAGE} }`;

/** Lists without rows but their ids, each by its name here. */
const LISTS = {
  customers: `{ customers ${PAGE} }`,
  leads: customers('status: [LEAD]'),
  'leads and churned': customers('status: [LEAD, CHURNED]'),
  active: customers('status: [ACTIVE]'),
  'of agent 1': customers(`ownerId: "${AGENT_1}"`),
  'of agent 2': customers(`ownerId: "${AGENT_2}"`),
  'of agent 3': `{ agent(id: "${AGENT_3}") { customers ${PAGE} } }`,
  'active of agent 1': customers(`status: [ACTIVE], ownerId: "${AGENT_1}"`),
  tagged: customers('tag: "vip"'),
  tickets: `{ tickets ${PAGE} }`,
  'open tickets': tickets('status: [OPEN]'),
  'closed tickets': tickets('status: [CLOSED]'),
  'urgent tickets': tickets('priority: [URGENT]'),
  'tickets of agent 1': `{ agent(id: "${AGENT_1}") { tickets ${PAGE} } }`,
  'tickets of agent 2': `{ agent(id: "${AGENT_2}") { tickets ${PAGE} } }`,
  orders: `{ orders ${PAGE} }`,
  'pending orders': `{ orders(filter: { status: [PENDING] }) ${PAGE} }`,
  'shipped orders': `{ orders(filter: { status: [SHIPPED] }) ${PAGE} }`,
} as const;

let database: TestDatabase;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 40, ordersPerCustomer: 2, seed: 1 });
  const settings = { CACHE_PREFIX: `${database.url}:`, ...PATIENT };
  gateway = await startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings });
  await untilRedisUp(gateway);
});

afterAll(async () => {
  await gateway.close();
  await database.drop();
});

/** Does a mutation, and returns what its field has. */
async function written(field: string, input: object, shown: string) {
  const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input!`;
  const document = `mutation($input: ${type}) { ${field}(input: $input) { ${shown} userErrors { code } } }`;
  const { [field]: payload } = await gateway.data(document, { input });
  expect(payload.userErrors).toEqual([]);
  return payload;
}

/** Which lists are not in the cache any more after a write, of which each is what it is without a cache. */
async function evictedBy(write: () => Promise<unknown>): Promise<readonly string[]> {
  for (const query of Object.values(LISTS)) for (let times = 0; times < 2; times += 1) await gateway.request(query);
  await write();
  const evicted: string[] = [];
  for (const [name, query] of Object.entries(LISTS)) {
    const answer = await gateway.request(query);
    if (answer.headers.get('x-cache') !== 'HIT') evicted.push(name);
    const { text } = await gateway.request(query, { headers: { 'cache-control': 'no-cache' } });
    expect([name, answer.text]).toEqual([name, text]);
  }
  return evicted;
}

let id: string;
/** Of a lead of the first agent. One filter is enough to tell that a list may have changed: here, that for the agent. */
const OF_ADA = ['customers', 'leads', 'leads and churned', 'of agent 1', 'active of agent 1', 'tagged'];

test('a new customer evicts the lists that it is in', async () => {
  const evicted = await evictedBy(async () => {
    const input = { name: 'Ada', status: 'LEAD', ownerId: AGENT_1 };
    id = (await written('createCustomer', input, 'customer { id }')).customer.id;
  });
  expect(evicted).toEqual(OF_ADA);
});

test('a change of a customer evicts the lists that it is in', async () => {
  const evicted = await evictedBy(() => written('updateCustomer', { id, company: 'Analytical Engines' }, ''));
  expect(evicted).toEqual(OF_ADA);
});

test('tags and addresses evict the lists that their customer is in', async () => {
  expect(await evictedBy(() => written('addTags', { customerId: id, tags: ['vip'] }, ''))).toEqual(OF_ADA);
  const addresses = [{ line1: '12 St James Square' }];
  expect(await evictedBy(() => written('setAddresses', { customerId: id, addresses }, ''))).toEqual(OF_ADA);
  expect(await evictedBy(() => written('removeTags', { customerId: id, tags: ['vip'] }, ''))).toEqual(OF_ADA);
});

test('a customer that moves evicts the lists that it leaves and enters', async () => {
  expect(await evictedBy(() => written('updateCustomer', { id, status: 'ACTIVE' }, ''))).toEqual(
    ...[['customers', 'leads', 'leads and churned', 'active', 'of agent 1', 'active of agent 1', 'tagged']],
  );
  expect(await evictedBy(() => written('updateCustomer', { id, ownerId: AGENT_3 }, ''))).toEqual([
    ...['customers', 'active', 'of agent 1', 'of agent 3', 'active of agent 1', 'tagged'],
  ]);
});

test('tickets and orders evict the lists that they are, were or will be in', async () => {
  let ticket = '';
  const opened = await evictedBy(async () => {
    const input = { customerId: id, subject: 'Gears', priority: 'URGENT', assigneeId: AGENT_1 };
    ticket = (await written('openTicket', input, 'ticket { id }')).ticket.id;
  });
  expect(opened).toEqual(['tickets', 'open tickets', 'urgent tickets', 'tickets of agent 1']);
  const moved = await evictedBy(() =>
    written('updateTicket', { id: ticket, assigneeId: AGENT_2, priority: 'LOW' }, ''),
  );
  expect(moved).toEqual(['tickets', 'open tickets', 'urgent tickets', 'tickets of agent 1', 'tickets of agent 2']);
  const { nodes } = (await gateway.data('{ orders(first: 1, filter: { status: [PAID] }) { nodes { id } } }')).orders;
  const shipped = await evictedBy(() => written('updateOrderStatus', { id: nodes[0].id, status: 'SHIPPED' }, ''));
  expect(shipped).toEqual(['orders', 'shipped orders']);
});

test('a merge, of whose rows nobody knows what they are, evicts all lists of their types', async () => {
  const other = (await written('createCustomer', { name: 'Augusta' }, 'customer { id }')).customer.id;
  const evicted = await evictedBy(() => written('mergeCustomers', { keepId: id, mergeId: other }, ''));
  expect(evicted).toEqual(Object.keys(LISTS).slice(0, Object.keys(LISTS).indexOf('tagged') + 1));
});

test('a deletion evicts the lists that its customer was in, and all lists of what it had', async () => {
  const evicted = await evictedBy(() => written('deleteCustomer', { id }, ''));
  const ofTickets = Object.keys(LISTS).filter((name) => name.includes('tickets'));
  expect(evicted).toEqual(['customers', 'active', 'of agent 3', 'tagged', ...ofTickets]);
});
