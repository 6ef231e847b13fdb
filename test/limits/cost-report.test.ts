import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';

const REPORT = { 'graphql-cost': 'report' };
const VALIDATE = { 'graphql-cost': 'validate' };
const QUERY = '{ agents(first: 3) { nodes { name } } }';
const COST = { requested: 5, limit: 10_000, typeCost: 5, fieldCost: 2 };
const TOO_MUCH = '{ customers(first: 100) { nodes { orders(first: 100) { nodes { id } } } } }';

let database: TestDatabase;
let gateway: TestGateway;
let serial = 0;
beforeAll(async () => {
  database = await createDatabase();
});
const start = async (settings: Readonly<Record<string, string>> = {}): Promise<TestGateway> => {
  const own = { ...PATIENT, CACHE_PREFIX: `${database.url}:${serial}:`, ...settings };
  const started = await startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings: own });
  await untilRedisUp(started);
  return started;
};

// Each test has its own empty cache.
beforeEach(async () => {
  await gateway?.close();
  serial += 1;
  gateway = await start();
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

describe('GraphQL-Cost: report', () => {
  test('adds the cost to a response and changes nothing else', async () => {
    const plain = await gateway.request(QUERY);
    const reported = await gateway.request(QUERY, { headers: REPORT });
    expect(plain.extensions).toBeUndefined();
    expect(reported.extensions).toEqual({ cost: COST });
    expect([reported.status, reported.data, reported.errors]).toEqual([200, plain.data, []]);
  });

  test('adds the cost to a cached response, which is stored without it', async () => {
    const results: unknown[] = [];
    for (const headers of [REPORT, {}, REPORT, {}]) {
      const answer = await gateway.request(QUERY, { headers });
      results.push([answer.headers.get('x-cache'), answer.extensions]);
    }
    expect(results).toEqual([
      ['MISS', { cost: COST }],
      ['HIT', undefined],
      ['HIT', { cost: COST }],
      ['HIT', undefined],
    ]);
  });

  test('keeps intermediate caches from mixing up responses with and without a cost', async () => {
    const plain = await gateway.request(QUERY);
    expect(plain.headers.get('vary')).toBe('Accept, Accept-Encoding, Authorization, graphql-cost, graphql-cache');
    expect((await gateway.request(QUERY)).headers.get('vary')).toBe(
      'Accept, Accept-Encoding, Authorization, graphql-cost, graphql-cache',
    );
    const reported = await gateway.request(QUERY, { headers: REPORT });
    expect(reported.headers.get('cache-control')).toBe('no-store');
  });

  test('adds the cost to refusals, responses with errors, mutations, and responses to GET', async () => {
    const refused = await gateway.request(TOO_MUCH, { headers: REPORT });
    expect(refused.data).toBeUndefined();
    expect(refused.errors[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX');
    expect(refused.extensions?.cost?.requested).toBe(10_202);
    const partial = await gateway.request('{ agents(first: 101) { nodes { id } } }', { headers: REPORT });
    expect(partial.errors.length).toBe(1);
    expect(partial.extensions?.cost?.requested).toBe(102);
    const mutation =
      'mutation { logInteraction(input: { customerId: "x", kind: CALL, body: "" }) { userErrors { code } } }';
    const written = await gateway.request(mutation, { headers: REPORT });
    expect(written.extensions?.cost).toMatchObject({ fieldCost: 11, typeCost: 12 });
    const got = await fetch(`${gateway.url}/graphql?query=${encodeURIComponent(QUERY)}`, { headers: REPORT });
    expect(await got.json()).toMatchObject({ extensions: { cost: COST } });
  });

  test('adds nothing for a document whose cost cannot be calculated', async () => {
    for (const query of ['{', '{ nothing }']) {
      const answer = await gateway.request(query, { headers: REPORT });
      expect([answer.errors.length, answer.extensions]).toEqual([1, undefined]);
    }
  });
});

describe('GraphQL-Cost: validate', () => {
  test('responds with the cost alone, runs nothing and stores nothing', async () => {
    const statements = await gateway.statementsOf(async () => {
      const answer = await gateway.request(QUERY, { headers: VALIDATE });
      expect(JSON.parse(answer.text)).toEqual({ extensions: { cost: COST } });
      expect([answer.status, answer.headers.get('x-cache'), answer.headers.get('cache-control')]).toEqual([
        200,
        'BYPASS',
        'no-store',
      ]);
    });
    expect(statements.size).toBe(0);
    expect((await gateway.request(QUERY)).headers.get('x-cache')).toBe('MISS');
  });

  test('writes nothing', async () => {
    const mutation = 'mutation { createCustomer(input: { name: "Ada" }) { customer { id } } }';
    const answer = await gateway.request(mutation, { headers: VALIDATE });
    expect(JSON.parse(answer.text)).toEqual({
      extensions: { cost: { requested: 12, limit: 10_000, typeCost: 3, fieldCost: 12 } },
    });
    expect((await gateway.data('{ customers { totalCount } }')).customers.totalCount).toBe(0);
  });

  test('returns the refusal together with the cost', async () => {
    const { data, errors, extensions } = await gateway.request(TOO_MUCH, { headers: VALIDATE });
    expect(data).toBeUndefined();
    expect(errors.map(({ extensions: { code } }) => code)).toEqual(['QUERY_TOO_COMPLEX']);
    expect(extensions?.cost?.requested).toBe(10_202);
  });

  test('never runs an operation of a client that accepts an event stream', async () => {
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...VALIDATE },
      body: JSON.stringify({ query: 'mutation { createCustomer(input: { name: "Ada" }) { customer { id } } }' }),
    });
    expect(response.status).toBe(406);
    expect((await gateway.data('{ customers { totalCount } }')).customers.totalCount).toBe(0);
  });
});

describe('any other value of the GraphQL-Cost header', () => {
  test('is refused with the possible values', async () => {
    for (const word of ['dry-run', '', 'REPORT', 'report, validate']) {
      const { status, errors } = await gateway.request(QUERY, { headers: { 'graphql-cost': word } });
      expect(status).toBe(400);
      expect(errors.map(({ message, extensions }) => [extensions.code, message])).toEqual([
        ['BAD_USER_INPUT', `Header "graphql-cost": expected report or validate, got "${word}".`],
      ]);
    }
  });
});

describe('a cached response', () => {
  test('is not served by a gateway whose limit is too low for it', async () => {
    await gateway.request(QUERY);
    expect((await gateway.request(QUERY)).headers.get('x-cache')).toBe('HIT');
    const strict = await start({ LIMIT_COST: '4' });
    try {
      expect((await strict.request(QUERY)).errors[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX');
    } finally {
      await strict.close();
    }
  });
});
