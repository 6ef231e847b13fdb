import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { ask, type SentResponse } from './ask.ts';

type Fields = Readonly<Record<string, string>>;

let database: TestDatabase;
let gateway: TestGateway;
let serial = 0;
beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 20, ordersPerCustomer: 1, seed: 1 });
  gateway = await startGateway({
    databaseUrl: database.url,
    redisUrl: redisUrl(),
    settings: { CACHE_PREFIX: `${new URL(database.url).pathname}:`, ...PATIENT },
  });
  await untilRedisUp(gateway);
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

/** A query that was not asked before. */
const newQuery = (first = 3): string => `{ q${(serial += 1)}: customers(first: ${first}) { nodes { name } } }`;
const addressOf = (query: string): string => `${gateway.url}/graphql?query=${encodeURIComponent(query)}`;
const get = (query: string, headers: Fields = {}, method = 'GET'): Promise<SentResponse> =>
  ask(addressOf(query), headers, { method });
const post = (query: string, headers: Fields = {}): Promise<SentResponse> =>
  ask(
    `${gateway.url}/graphql`,
    { 'content-type': 'application/json', ...headers },
    { method: 'POST', body: JSON.stringify({ query }) },
  );
const cacheOf = ({ headers }: SentResponse) => headers['x-cache'];

describe('the ETag of a response', () => {
  test('is the same when it comes from the cache, and when it is computed again', async () => {
    const query = newQuery();
    const tags = [await get(query), await get(query), await get(query, { 'cache-control': 'no-cache' })];
    expect(tags.map(cacheOf)).toEqual(['MISS', 'HIT', 'BYPASS']);
    const etags = new Set(tags.map(({ headers }) => headers['etag']));
    expect([...etags]).toEqual([expect.stringMatching(/^"[\w-]{43}"$/)]);
    expect((await get(newQuery())).headers['etag']).not.toBe([...etags][0]);
  });

  test('changes with the response, after a write', async () => {
    const query = newQuery();
    const { etag = '' } = (await get(query)).headers;
    const created = await gateway.data('mutation { createCustomer(input: {name: "Ada"}) { customer { id } } }');
    const after = await get(query, { 'if-none-match': etag });
    expect([after.status, cacheOf(after), after.body.toString().includes('Ada')]).toEqual([200, 'MISS', true]);
    await gateway.data('mutation($id: ID!) { deleteCustomer(input: {id: $id}) { deletedCustomerId } }', {
      id: created.createCustomer.customer.id,
    });
    expect((await get(query, { 'if-none-match': etag })).status).toBe(304);
  });

  test.each([
    ['a field that is never cached', '{ viewer { subject } }', 'no-store'],
    ['introspection', '{ __schema { queryType { name } } }', 'no-store'],
    ['errors', '{ customers(first: 1000) { nodes { id } } }', 'no-store'],
    ['an invalid document', '{ nothing }', 'no-store'],
    ['a mutation', 'mutation { __typename }', 'no-store'],
  ])('is not sent with %s, which nobody may store', async (_, query, cacheControl) => {
    const { headers } = await get(query);
    expect([headers['etag'], headers['cache-control'], headers['x-cache']]).toEqual([
      ...[undefined, cacheControl, 'BYPASS'],
    ]);
    expect((await get(query, { 'if-none-match': '*' })).status).not.toBe(304);
  });

  test('is not sent with a cost', async () => {
    const { headers, body } = await get(newQuery(), { 'graphql-cost': 'report', 'if-none-match': '*' });
    expect([headers['etag'], headers['cache-control']]).toEqual([undefined, 'no-store']);
    expect(JSON.parse(body.toString())).toHaveProperty('extensions.cost');
  });
});

describe('If-None-Match', () => {
  test.each(['MISS', 'HIT'])('is answered by 304 without a body for a %s', async (expected) => {
    const query = newQuery();
    const { etag = '' } = (await get(query)).headers;
    for (const have of [etag, `W/${etag}`, '*', `"a, b", W/"c",${etag}`]) {
      const headers = { 'if-none-match': have, ...(expected === 'MISS' ? { 'cache-control': 'max-age=0' } : {}) };
      const { status, headers: sent, body } = await get(query, headers);
      expect([have, status, body.length, sent['x-cache']]).toEqual([have, 304, 0, expected]);
      expect(sent).toMatchObject({
        etag,
        vary: expect.stringContaining('Accept'),
        date: expect.any(String),
        'cache-control': 'private, max-age=60',
      });
      expect([sent['content-type'], sent['content-length'], sent['content-encoding']]).toEqual(
        Array(3).fill(undefined),
      );
    }
  });

  test.each(['', '"x"', 'W/"x"', 'no quotes'])('of %j gets the whole response', async (have) => {
    const { status, body } = await get(newQuery(), { 'if-none-match': have });
    expect([status, JSON.parse(body.toString())]).toEqual([200, { data: expect.anything() }]);
  });

  test('means nothing for POST, whose response does not represent what is at the address', async () => {
    const query = newQuery();
    const { etag = '' } = (await get(query)).headers;
    const answer = await post(query, { 'if-none-match': etag });
    expect([answer.status, cacheOf(answer), answer.headers['etag']]).toEqual([200, 'HIT', undefined]);
  });
});

describe('HEAD', () => {
  test('has the headers of GET, and no body', async () => {
    const query = newQuery();
    await get(query);
    const { date: _date, age: _age, 'cache-control': _control, ...headers } = (await get(query)).headers;
    const head = await get(query, {}, 'HEAD');
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(head.headers).toMatchObject(headers);
    expect(head.headers).toMatchObject({ 'x-cache': 'HIT', 'content-length': expect.stringMatching(/^\d{2,}$/) });
    const known = await get(query, { 'if-none-match': headers['etag'] ?? '' }, 'HEAD');
    expect([known.status, known.headers['etag']]).toEqual([304, headers['etag']]);
  });

  test.each([
    ['a mutation', 405, 'mutation { __typename }', {}],
    ['a subscription', 405, 'subscription { customerChanged(id: "x") { id } }', { accept: 'text/event-stream' }],
  ])('of %s is refused', async (...[, status, query, headers]) => {
    const answer = await get(query, headers, 'HEAD');
    expect([answer.status, answer.body.length, answer.headers['cache-control']]).toEqual([status, 0, 'no-store']);
  });
});

describe('Cache-Control of a request', () => {
  /** Each case begins with a cached response. The second result is that of the next request, without the header. */
  test.each([
    ['no-cache', 'BYPASS', 'HIT'],
    ['No-Cache, max-age=60', 'BYPASS', 'HIT'],
    [' , max-age = "60" ,, NO-CACHE ', 'BYPASS', 'HIT'],
    ['max-age=0', 'MISS', 'HIT'],
    ['max-age=0, max-stale', 'MISS', 'HIT'],
    ['max-age=soon', 'MISS', 'HIT'],
    ['max-age=600', 'HIT', 'HIT'],
    ['no-store', 'HIT', 'HIT'],
    ['no-store, no-cache', 'BYPASS', 'HIT'],
    ['only-if-cached', 'HIT', 'HIT'],
    // None of these names the directive.
    ['x-no-cache, no-cached', 'HIT', 'HIT'],
    ['ext="a, no-cache"', 'HIT', 'HIT'],
    ['ext="never closed, no-cache', 'HIT', 'HIT'],
    ['', 'HIT', 'HIT'],
  ])('%j has a cached response used or not', async (value, expected, next) => {
    const query = newQuery();
    await get(query);
    expect(cacheOf(await get(query, { 'cache-control': value }))).toBe(expected);
    expect(cacheOf(await get(query))).toBe(next);
  });

  test('no-store has nothing stored', async () => {
    const query = newQuery();
    for (const expected of ['BYPASS', 'BYPASS']) {
      const answer = await get(query, { 'cache-control': 'no-store' });
      expect([answer.status, cacheOf(answer)]).toEqual([200, expected]);
    }
    expect(cacheOf(await get(query))).toBe('MISS');
  });

  test('only-if-cached executes nothing', async () => {
    const [query, only] = [newQuery(), { 'cache-control': 'only-if-cached' }];
    const write = 'mutation { createCustomer(input: {name: "Nobody"}) { userErrors { code } } }';
    const statements = await gateway.statementsOf(async () => {
      for (const answer of [await get(query, only), await post(query, only), await post(write, only)]) {
        expect([answer.status, answer.headers['cache-control']]).toEqual([504, 'no-store']);
        expect(JSON.parse(answer.body.toString())).toMatchObject({ errors: [{ extensions: { code: 'TIMEOUT' } }] });
      }
    });
    expect(statements.size).toBe(0);
  });
});
