import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { apolloWithPersisted, REAL_CLIENTS, type RealClient } from './real-clients.ts';

const RESPONSE_TYPE = 'application/graphql-response+json; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const CUSTOMERS = 23;

let database: TestDatabase;
let gateway: TestGateway;
let url: string;

beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: CUSTOMERS, ordersPerCustomer: 1, seed: 1 });
  const settings = { ...PATIENT, CACHE_PREFIX: `clients:${process.pid}:` };
  gateway = await startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings });
  await untilRedisUp(gateway);
  url = `${gateway.url}/graphql`;
});

afterAll(async () => {
  await gateway.close();
  await database.drop();
});

/** What was sent and received, as seen from within a client. */
interface Exchange {
  readonly address: string;
  readonly accept: string | null;
  readonly sent: string;
  readonly status: number;
  readonly type: string | null;
  readonly vary: string | null;
  readonly cache: string | null;
  readonly body: string;
}

/** A `fetch` that records what it sends and receives. */
function watchedFetch(): { readonly fetch: typeof fetch; readonly seen: Exchange[] } {
  const seen: Exchange[] = [];
  return {
    seen,
    async fetch(input, init) {
      const request = new Request(input, init);
      const sent = await request.clone().text();
      const response = await fetch(request);
      const { headers, status } = response;
      const body = await response.clone().text();
      const [type, vary, cache] = [headers.get('content-type'), headers.get('vary'), headers.get('x-cache')];
      const { url: address } = request;
      seen.push({ address, accept: request.headers.get('accept'), sent, status, body, type, vary, cache });
      return response;
    },
  };
}

const PAGE = `query Page($after: String) {
  customers(first: 10, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
}`;
const CREATE = `mutation Create($input: CreateCustomerInput!) {
  createCustomer(input: $input) { customer { id name } userErrors { code message path } }
}`;

/** Every id of the list, in order. */
async function idsOfAll(client: RealClient): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | null = null; ;) {
    const { data } = await client.query(PAGE, { after });
    const { nodes, pageInfo } = data.customers;
    ids.push(...nodes.map(({ id }: { id: string }) => id));
    if (!pageInfo.hasNextPage) return ids;
    after = pageInfo.endCursor;
  }
}

describe.each(REAL_CLIENTS)('%s, with its defaults', (name, make) => {
  test('sends a query, and gets the response from the cache the second time', async () => {
    const { fetch: watched, seen } = watchedFetch();
    const query = `query Named { customers(first: 1) { totalCount nodes { id name } } } # ${name}`;
    const { data, codes } = await make(url, watched).query(query);
    expect([data.customers.totalCount, data.customers.nodes.length, codes]).toEqual([CUSTOMERS, 1, []]);
    // With another client of the same kind, since the first has cached the response itself.
    await make(url, watched).query(query);
    expect(seen.map(({ cache }) => cache).slice(-1)).toEqual(['HIT']);
    expect(seen[1]?.body).toBe(seen[0]?.body);
    expect(new Set(seen.map(({ vary }) => vary))).toEqual(
      new Set(['Accept, Accept-Encoding, Authorization, graphql-cost, graphql-cache']),
    );
  });

  test('reads a list page by page to its end', async () => {
    const ids = await idsOfAll(make(url, fetch));
    const { customers } = await gateway.data('{ customers(first: 100) { nodes { id } } }');
    expect(ids).toEqual(customers.nodes.map(({ id }: { id: string }) => id));
    expect(ids.length).toBeGreaterThan(20);
  });

  test('writes once per idempotencyKey, and gets user errors', async () => {
    const client = make(url, fetch);
    const unknown = { name: 'Ada', email: 'nobody' };
    const refused = await client.mutate(CREATE, { input: unknown });
    expect([refused.data.createCustomer, refused.codes]).toMatchObject([
      { customer: null, userErrors: [{ code: 'INVALID_EMAIL', path: ['input', 'email'] }] },
      [],
    ]);
    const input = { name: 'Ada', idempotencyKey: `clients ${name}` };
    const [first, again] = [await client.mutate(CREATE, { input }), await client.mutate(CREATE, { input })];
    expect(first.data.createCustomer).toMatchObject({ customer: { name: 'Ada' }, userErrors: [] });
    expect(again.data.createCustomer.customer.id).toBe(first.data.createCustomer.customer.id);
    const { id } = first.data.createCustomer.customer;
    const removed = `mutation { deleteCustomer(input: { id: "${id}" }) { deletedCustomerId } }`;
    expect((await client.mutate(removed)).data.deleteCustomer.deletedCustomerId).toBe(id);
  });

  test.each([
    ['a wrong argument', '{ customers(first: 1000) { nodes { id } } }', 'BAD_USER_INPUT'],
    ['a field that does not exist', '{ nope }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a query that costs too much',
      '{ customers(first: 100) { nodes { orders(first: 100) { nodes { id } } } } }',
      'QUERY_TOO_COMPLEX',
    ],
  ])('sees the code of an error, such as for %s', async (_, query, code) => {
    expect((await make(url, fetch).query(query)).codes).toEqual([code]);
  });
});

// The date, and the age of a cached response.
const OF_THE_MOMENT = { date: '', age: '', 'cache-control': '' };

// urql accepts every media type even for queries, which once led to another handler with another response.
test('urql gets the same bytes, headers and status as a client that asks for plain JSON', async () => {
  const urql = REAL_CLIENTS.find(([name]) => name.startsWith('urql'))?.[1];
  const { fetch: watched, seen } = watchedFetch();
  const query = '{ customers(first: 3) { totalCount } }';
  await urql?.(url, watched).query(query);
  const [exchange] = seen;
  expect(exchange?.accept).toBe(
    'application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed',
  );
  const asked = async (accept: string) => {
    // It sends short queries by GET.
    const response = await fetch(exchange?.address ?? '', { headers: { accept } });
    const { 'content-type': type, ...others } = Object.fromEntries(response.headers);
    return { type, others: { ...others, ...OF_THE_MOMENT }, status: response.status, body: await response.text() };
  };
  const [plain, newer, all] = [
    await asked('application/json'),
    await asked('application/graphql-response+json'),
    await asked(exchange?.accept ?? ''),
  ];
  expect(all).toEqual(newer);
  expect(plain).toEqual({ ...newer, type: JSON_TYPE });
  expect(all.body).toBe(exchange?.body);
  expect(all.others).toMatchObject({
    'x-cache': 'HIT',
    vary: 'Accept, Accept-Encoding, Authorization, graphql-cost, graphql-cache',
  });
  expect([exchange?.status, exchange?.type]).toEqual([200, RESPONSE_TYPE]);
});

test("Apollo's PersistedQueryLink sends a document when its hash is not known, and its hash alone after that", async () => {
  const { fetch: watched, seen } = watchedFetch();
  const client = apolloWithPersisted(url, watched);
  const later = apolloWithPersisted(url, watched);
  for (const [of, first] of [
    [client, 1],
    [client, 2],
    [later, 1],
  ] as const) {
    const { data, codes } = await of.query(`{ customers(first: ${first}) { nodes { id } } }`);
    expect([data.customers.nodes.length, codes]).toEqual([first, []]);
  }
  const [alone] = seen;
  expect([alone?.status, alone?.type]).toEqual([404, RESPONSE_TYPE]);
  expect(JSON.parse(alone?.body ?? '').errors[0].extensions.code).toBe('PERSISTED_QUERY_NOT_FOUND');
  expect(seen.map(({ sent }) => 'query' in JSON.parse(sent))).toEqual([false, true, false, true, false]);
});
