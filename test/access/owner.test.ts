import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, untilRedisUp, type Answer, type TestGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

const SCOPES = 'crm:read crm:write crm:pii';
const ONE = nodeId('Agent', 1);
const TWO = nodeId('Agent', 2);

let servers: OwnServers;
let gateway: TestGateway;
type Ask = (query: string, variables?: Readonly<Record<string, unknown>>) => Promise<Answer>;
let everybody: Ask;
let one: Ask;
let two: Ask;

beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 120, ordersPerCustomer: 3, seed: 1 });
  const [databaseUrl, redisUrl] = [servers.database.url, servers.redis.url];
  gateway = await startGateway({ databaseUrl, redisUrl, settings: { ...PATIENT, ...BY_SECRET } });
  await untilRedisUp(gateway);
  const by = async (claims: object): Promise<Ask> => {
    const headers = bearing(await tokenOf({ scope: SCOPES, ...claims }));
    return (query, variables = {}) => gateway.request(query, { variables, headers });
  };
  everybody = await by({});
  one = await by({ owner: ONE });
  two = await by({ owner: TWO });
});

afterAll(async () => {
  await gateway.close();
  await servers.close();
});

const dataOf = ({ data, errors }: Answer) => {
  expect(errors).toEqual([]);
  return data;
};
interface Node {
  readonly id: string;
}
/** All rows of a list, forwards or backwards, page by page. */
async function walked(ask: Ask, list: (page: string) => string, isBackward = false): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = null; ;) {
    const at = cursor === null ? '' : `, ${isBackward ? 'before' : 'after'}: "${cursor}"`;
    const page: string = isBackward ? `last: 7${at}` : `first: 7${at}`;
    const data = dataOf(await ask(list(page)));
    const found = Object.values(data)[0] as {
      nodes: Node[];
      pageInfo: { startCursor: string; endCursor: string; hasNextPage: boolean; hasPreviousPage: boolean };
    };
    const shown = found.nodes.map(({ id }) => id);
    ids.push(...(isBackward ? shown.toReversed() : shown));
    const { pageInfo } = found;
    if (!(isBackward ? pageInfo.hasPreviousPage : pageInfo.hasNextPage)) return ids;
    cursor = isBackward ? pageInfo.startCursor : pageInfo.endCursor;
  }
}
const PAGE = '{ nodes { id } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } }';

/** What belongs to the agent's customers, as somebody finds it who sees everything. */
async function owned(agent: string) {
  const mine = await walked(everybody, (page) => `{ customers(${page}, filter: { ownerId: "${agent}" }) ${PAGE} }`);
  const of = async (list: string) => {
    const all: string[] = [];
    for (const id of mine) {
      const { customer } = dataOf(
        await everybody(`{ customer(by: { id: "${id}" }) { ${list}(first: 100) { nodes { id } } } }`),
      );
      all.push(...(customer[list].nodes as Node[]).map((node) => node.id));
    }
    return all.sort();
  };
  return {
    customers: mine,
    orders: await of('orders'),
    tickets: await of('tickets'),
    interactions: await of('interactions'),
  };
}

describe('a token with the claim "owner"', () => {
  test('finds in every list what belongs to the customers of that agent, and nothing else', async () => {
    const mine = await owned(ONE);
    expect(mine.customers.length).toBeGreaterThan(1);
    for (const isBackward of [false, true])
      for (const [list, ids] of [
        ['customers', mine.customers],
        ['customers(PAGE, orderBy: { field: NAME, direction: ASC })', mine.customers],
        ['customers(PAGE, orderBy: { field: UPDATED_AT, direction: DESC })', mine.customers],
        [`customers(PAGE, filter: { ownerId: "${ONE}" })`, mine.customers],
        [`customers(PAGE, filter: { ownerId: "${TWO}" })`, []],
        ['orders', mine.orders],
        ['orders(PAGE, orderBy: { field: UPDATED_AT, direction: ASC })', mine.orders],
        ['tickets', mine.tickets],
      ] as const) {
        const document = (page: string) =>
          `{ ${list.includes('PAGE') ? list.replace('PAGE', page) : `${list}(${page})`} ${PAGE} }`;
        expect([list, (await walked(one, document, isBackward)).sort()]).toEqual([list, [...ids].sort()]);
      }
    const counted = dataOf(await one('{ customers { totalCount } orders { totalCount } tickets { totalCount } }'));
    expect(counted).toEqual({
      customers: { totalCount: mine.customers.length },
      orders: { totalCount: mine.orders.length },
      tickets: { totalCount: mine.tickets.length },
    });
  });

  test('finds nothing of others by any key', async () => {
    const fields = `id email externalId orders(first: 1) { nodes { id number } } tickets(first: 1) { nodes { id number } }
      interactions(first: 1) { nodes { id } }`;
    const { customers } = dataOf(
      await everybody(`{ customers(first: 100, filter: { ownerId: "${TWO}" }) { nodes { ${fields} } } }`),
    );
    const other = customers.nodes.find(
      (each: {
        email: unknown;
        externalId: unknown;
        orders: { nodes: unknown[] };
        tickets: { nodes: unknown[] };
        interactions: { nodes: unknown[] };
      }) =>
        each.email !== null &&
        each.orders.nodes.length > 0 &&
        each.tickets.nodes.length > 0 &&
        each.interactions.nodes.length > 0,
    );
    const [order, ticket, interaction] = [other.orders, other.tickets, other.interactions].map(({ nodes }) => nodes[0]);
    const ids = [other.id, order.id, ticket.id, interaction.id, TWO, nodeId('Product', 1)];
    const document = `query($ids: [ID!]!) {
      nodes(ids: $ids) { id }
      ${ids.map((id, i) => `n${i}: node(id: "${id}") { id }`).join(' ')}
      byId: customer(by: { id: "${other.id}" }) { id }
      byEmail: customer(by: { email: "${other.email}" }) { id }
      ${other.externalId === null ? '' : `byExternalId: customer(by: { externalId: "${other.externalId}" }) { id }`}
      orderById: order(by: { id: "${order.id}" }) { id }
      orderByNumber: order(by: { number: "${order.number}" }) { id }
      ticketById: ticket(by: { id: "${ticket.id}" }) { id }
      ticketByNumber: ticket(by: { number: "${ticket.number}" }) { id }
      agent(id: "${TWO}") { id }
      product(by: { id: "${nodeId('Product', 1)}" }) { id }
      searchCustomers(text: "${other.email}") { nodes { id } totalCount }
    }`;
    const { nodes, searchCustomers, ...rest } = dataOf(await one(document, { ids }));
    expect(nodes).toEqual(ids.map(() => null));
    expect(searchCustomers).toEqual({ nodes: [], totalCount: 0 });
    expect(Object.values(rest).filter((found) => found !== null)).toEqual([]);
    // They are there.
    const seen = dataOf(await everybody(document, { ids }));
    expect(Object.values({ ...seen, ...seen.nodes }).filter((found) => found === null)).toEqual([]);
  });

  test('finds own customers by search', async () => {
    const names = dataOf(
      await everybody(`{ customers(first: 100, filter: { ownerId: "${ONE}" }) { nodes { id name } } }`),
    );
    for (const { id, name } of names.customers.nodes.slice(0, 5) as { id: string; name: string }[]) {
      const { searchCustomers } = dataOf(
        await one('query($text: String!) { searchCustomers(text: $text) { nodes { id owner { id } } } }', {
          text: name,
        }),
      );
      expect(searchCustomers.nodes.map((node: Node) => node.id)).toContain(id);
      expect(new Set(searchCustomers.nodes.map((node: { owner: Node }) => node.owner.id))).toEqual(new Set([ONE]));
    }
  });

  test('leads to nothing of others by way of the agents that a customer leads to', async () => {
    const fields = 'id tickets(first: 50) { nodes { id } } customers(first: 5) { nodes { id } totalCount }';
    const { tickets } = dataOf(await one(`{ tickets(first: 50) { nodes { assignee { ${fields} } } } }`));
    const mine = await owned(ONE);
    type Assignee = { id: string; tickets: { nodes: Node[] }; customers: { nodes: Node[]; totalCount: number } };
    const assignees: Assignee[] = tickets.nodes.flatMap(
      ({ assignee }: { assignee: Assignee | null }) => assignee ?? [],
    );
    expect(new Set(assignees.map(({ id }) => id)).size).toBeGreaterThan(1);
    for (const { id, tickets: assigned, customers: theirs } of assignees) {
      expect(assigned.nodes.filter((ticket) => !mine.tickets.includes(ticket.id))).toEqual([]);
      if (id !== ONE) expect(theirs).toEqual({ nodes: [], totalCount: 0 });
    }
  });

  test('may not list agents or products', async () => {
    for (const list of ['agents', 'products'])
      expect((await one(`{ ${list} { totalCount } }`)).errors[0]?.extensions.code).toBe('FORBIDDEN');
    expect(dataOf(await one(`{ agent(id: "${ONE}") { id } }`))).toEqual({ agent: { id: ONE } });
  });

  test('writes nothing of others, which are as if they did not exist', async () => {
    const { customers } = dataOf(
      await everybody(
        `{ customers(first: 50, filter: { ownerId: "${TWO}" }) { nodes { id orders(first: 1) { nodes { id } } tickets(first: 1) { nodes { id } } } } }`,
      ),
    );
    type Found = { id: string; orders: { nodes: Node[] }; tickets: { nodes: Node[] } };
    const other = customers.nodes.find((each: Found) => each.orders.nodes.length > 0 && each.tickets.nodes.length > 0);
    const mine = dataOf(await one('{ customers(first: 1) { nodes { id } } }')).customers.nodes[0].id;
    const gone = {
      Customer: nodeId('Customer', 999_999),
      Order: nodeId('Order', 999_999),
      Ticket: nodeId('Ticket', 999_999),
    };
    const writes: readonly (readonly [
      field: string,
      of: (ids: { Customer: string; Order: string; Ticket: string }) => object,
    ])[] = [
      ['updateCustomer', (ids) => ({ id: ids.Customer, company: 'Stolen' })],
      ['deleteCustomer', (ids) => ({ id: ids.Customer })],
      ['mergeCustomers', (ids) => ({ keepId: mine, mergeId: ids.Customer })],
      ['mergeCustomers', (ids) => ({ keepId: ids.Customer, mergeId: mine })],
      ['addTags', (ids) => ({ customerId: ids.Customer, tags: ['stolen'] })],
      ['removeTags', (ids) => ({ customerId: ids.Customer, tags: ['stolen'] })],
      ['setAddresses', (ids) => ({ customerId: ids.Customer, addresses: [{ line1: 'x', city: 'y' }] })],
      [
        'createOrder',
        (ids) => ({
          customerId: ids.Customer,
          currency: 'EUR',
          items: [{ product: { id: nodeId('Product', 1) }, quantity: 1 }],
        }),
      ],
      ['updateOrderStatus', (ids) => ({ id: ids.Order, status: 'PAID' })],
      ['openTicket', (ids) => ({ customerId: ids.Customer, subject: 'Stolen' })],
      ['updateTicket', (ids) => ({ id: ids.Ticket, subject: 'Stolen' })],
      ['logInteraction', (ids) => ({ customerId: ids.Customer, kind: 'NOTE', body: 'Stolen' })],
    ];
    const theirs = { Customer: other.id, Order: other.orders.nodes[0].id, Ticket: other.tickets.nodes[0].id };
    for (const [field, inputOf] of writes) {
      const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input!`;
      const document = `mutation($input: ${type}) { ${field}(input: $input) { userErrors { code message path } } }`;
      const refused = dataOf(await one(document, { input: inputOf(theirs) }))[field].userErrors;
      const missing = dataOf(await one(document, { input: inputOf(gone) }))[field].userErrors;
      expect([field, refused]).toEqual([field, missing]);
      expect([field, refused.map(({ code }: { code: string }) => code)]).toEqual([field, ['NOT_FOUND']]);
    }
  });

  test('writes customers of that agent alone', async () => {
    const create =
      'mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { customer { id owner { id } } userErrors { code path } } }';
    const update =
      'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { id owner { id } } userErrors { code path } } }';
    const refused = [{ code: 'INVALID_INPUT', path: ['input', 'ownerId'] }];
    const { createCustomer } = dataOf(await one(create, { input: { name: 'Ada' } }));
    expect(createCustomer).toMatchObject({ customer: { owner: { id: ONE } }, userErrors: [] });
    const { id } = createCustomer.customer;
    expect(dataOf(await one(create, { input: { name: 'Eve', ownerId: TWO } })).createCustomer).toEqual({
      customer: null,
      userErrors: refused,
    });
    for (const ownerId of [TWO, null])
      expect(dataOf(await one(update, { input: { id, ownerId } })).updateCustomer.userErrors).toEqual(refused);
    expect(
      dataOf(await one(update, { input: { id, ownerId: ONE, company: 'Engines' } })).updateCustomer.userErrors,
    ).toEqual([]);
  });

  test('is told at once of customers that the agent gets or gives away, from the cache or not', async () => {
    const { createCustomer } = dataOf(
      await one('mutation { createCustomer(input: { name: "Wanderer" }) { customer { id } userErrors { code } } }'),
    );
    const { id } = createCustomer.customer;
    dataOf(
      await one(
        `mutation($id: ID!) { openTicket(input: { customerId: $id, subject: "Lost", assigneeId: "${ONE}" }) { ticket { id } userErrors { code } } }`,
        { id },
      ),
    );
    const found = dataOf(await one(`{ customer(by: { id: "${id}" }) { tickets { nodes { id } } } }`)).customer.tickets
      .nodes[0];
    const queries = [
      `{ customer(by: { id: "${id}" }) { name } }`,
      `{ node(id: "${found.id}") { id } }`,
      `{ ticket(by: { id: "${found.id}" }) { subject } }`,
      '{ tickets(first: 100) { nodes { subject } totalCount } }',
      '{ customers(first: 100, orderBy: { field: NAME, direction: DESC }) { nodes { name } totalCount } }',
      '{ searchCustomers(text: "Wanderer") { nodes { name } totalCount } }',
    ];
    const shows = async (ask: Ask) => {
      const texts: boolean[] = [];
      for (const query of queries)
        for (let times = 0; times < 3; times += 1) {
          const { text } = await ask(query);
          texts.push(/Wanderer|Lost|VGlja2V0/.test(text));
        }
      return new Set(texts);
    };
    const move = async (ownerId: string) =>
      dataOf(
        await everybody(
          'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }',
          { input: { id, ownerId } },
        ),
      );
    expect([await shows(one), await shows(two)]).toEqual([new Set([true]), new Set([false])]);
    // Whoever has the customer, the ticket is assigned to the first agent.
    const assigned = async () => {
      const texts = [1, 2, 3].map(() => one(`{ agent(id: "${ONE}") { tickets(first: 100) { nodes { subject } } } }`));
      return new Set((await Promise.all(texts)).map(({ text }) => text.includes('Lost')));
    };
    for (let times = 0; times < 3; times += 1) expect(await assigned()).toEqual(new Set([true]));
    await move(TWO);
    for (let times = 0; times < 3; times += 1) expect(await assigned()).toEqual(new Set([false]));
    expect([await shows(one), await shows(two)]).toEqual([new Set([false]), new Set([true])]);
    await move(ONE);
    expect([await shows(one), await shows(two), await shows(everybody)]).toEqual([
      new Set([true]),
      new Set([false]),
      new Set([true]),
    ]);
  });

  test('watches no customers of others, which are as if they did not exist', async () => {
    const { customers } = dataOf(
      await everybody(`{ customers(first: 1, filter: { ownerId: "${TWO}" }) { nodes { id } } }`),
    );
    const headers = { ...bearing(await tokenOf({ scope: SCOPES, owner: ONE })), accept: 'text/event-stream' };
    const watched = async (id: string) => {
      const body = JSON.stringify({ query: `subscription { customerChanged(id: "${id}") { name } }` });
      const init = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body };
      // It ends by itself.
      return (await fetch(`${gateway.url}/graphql`, init)).text();
    };
    const text = await watched(customers.nodes[0].id);
    expect(text).toContain('there is no such customer');
    expect(text).toBe(await watched(nodeId('Customer', 999_999)));
  });

  test('is refused if it is not the id of an agent', async () => {
    for (const owner of ['1', '', null, 1, nodeId('Customer', 1), [ONE], {}]) {
      const headers = bearing(await tokenOf({ scope: SCOPES, owner }));
      const { status, errors } = await gateway.request('{ customers { totalCount } }', { headers });
      expect([status, errors[0]?.message]).toEqual([403, expect.stringContaining('"owner"')]);
    }
  });
});
