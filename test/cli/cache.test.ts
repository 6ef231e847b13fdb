import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { bearing, BY_SECRET, tokenOf } from '../access/tokens.ts';
import { nodeId } from '../support/seeded.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { runCommand } from './command.ts';

const CUSTOMERS = '{ customers(first: 2) { nodes { name orders(first: 1) { nodes { number } } } } }';
const PRODUCTS = 'query Page($first: Int) { products(first: $first) { nodes { sku } } }';

let database: TestDatabase;
let gateway: TestGateway;
let settings: Readonly<Record<string, string>>;
beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 3, ordersPerCustomer: 1, seed: 1 });
  settings = { ...PATIENT, CACHE_PREFIX: `${new URL(database.url).pathname}:` };
  gateway = await startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings });
  await untilRedisUp(gateway);
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

const explain = (args: readonly string[], others: Readonly<Record<string, string>> = {}) =>
  runCommand(['cache', 'explain', ...args], {
    ...{ DATABASE_URL: database.url, REDIS_URL: redisUrl() },
    ...settings,
    ...others,
  });
const reportOf = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await explain([...args, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
};
/** What a running gateway says. */
const told = async (query: string, headers: Readonly<Record<string, string>> = {}) => {
  const { extensions } = await gateway.request(query, { headers: { 'graphql-cache': 'report', ...headers } });
  return (extensions as { cache?: unknown } | undefined)?.cache;
};

/** Some fields of the report in a response. */
const only = (extensions: unknown, ...names: readonly string[]) => {
  const { cache } = extensions as { readonly cache: Readonly<Record<string, unknown>> };
  return Object.fromEntries(names.map((name) => [name, cache[name]]));
};

describe('npm run cache -- explain', () => {
  test('tells what is stored, by whom it was decided, and which write has invalidated it, as a gateway does', async () => {
    const before = await reportOf(CUSTOMERS);
    expect(before).toMatchObject({
      ...{ redis: 'up', access: 'anybody', maxAgeSeconds: 60, maxAgeField: 'Query.customers', privateField: null },
      ...{ result: 'MISS', reason: 'absent', because: null, stored: null, notStored: 'no-store' },
      tags: expect.arrayContaining(['Customer#', expect.stringMatching(/^Order@\d+$/)]),
    });
    // It has stored nothing itself.
    const first = await gateway.request(CUSTOMERS);
    expect(first.headers.get('x-cache')).toBe('MISS');
    const stored = await reportOf(CUSTOMERS);
    const bytes = { identity: Buffer.byteLength(first.text) };
    expect(stored).toMatchObject({ key: before.key, result: 'HIT', reason: null, notStored: null, tags: before.tags });
    expect(stored.stored).toMatchObject({ isFresh: true, bytes });
    const { redis: _redis, stored: found, ...same } = stored;
    expect(await told(CUSTOMERS)).toMatchObject({ ...same, stored: { isFresh: found.isFresh, bytes } });
    await gateway.data('mutation { createCustomer(input: {name: "Ada"}) { userErrors { code } } }');
    expect(await reportOf(CUSTOMERS)).toMatchObject({
      ...{ result: 'MISS', reason: 'invalidated', because: 'Customer#', stored: { isFresh: false, bytes } },
    });
    expect((await explain([CUSTOMERS])).stdout).toMatch(
      /^lifetime {2}60 s, by Query\.customers\n(.*\n)*stored {4}yes, but a write has invalidated it \(Customer#\)\n/m,
    );
  });

  test('takes variables and the name of an operation', async () => {
    const two = `${PRODUCTS} query Other { __typename }`;
    const given = ['--variables', '{"first": 1}', '--operation', 'Page'];
    expect(await reportOf(two, ...given)).toMatchObject({ tags: ['Product#'], maxAgeSeconds: 300, reason: 'absent' });
  });

  test('tells of the response that a caller with the given claims gets', async () => {
    const authenticated = { ...settings, ...BY_SECRET };
    const own = await startGateway({ databaseUrl: database.url, redisUrl: redisUrl(), settings: authenticated });
    try {
      await untilRedisUp(own);
      const owner = nodeId('Agent', 1);
      for (const [query, claims, args] of [
        [CUSTOMERS, { scope: 'crm:read' }, ['--scopes', 'crm:read']],
        [CUSTOMERS, { scope: 'crm:read crm:pii', owner }, ['--scopes', 'crm:pii,crm:read', '--owner', owner]],
        ['{ viewer { subject } }', { sub: 'eve', scope: 'crm:read' }, ['--scopes', 'crm:read', '--subject', 'eve']],
      ] as const) {
        const headers = { 'graphql-cache': 'report', ...bearing(await tokenOf(claims)) };
        const { extensions } = await own.request(query, { headers });
        const { code, stdout } = await explain([query, ...args, '--json'], BY_SECRET);
        const { key, access, result } = JSON.parse(stdout);
        expect({ code, key, access }).toEqual({ code: 0, ...only(extensions, 'key', 'access') });
        // Stored with the report's answer.
        expect(result).toBe('HIT');
      }
      expect(await explain([CUSTOMERS], BY_SECRET)).toMatchObject({
        code: 64,
        stderr: expect.stringMatching(/^--scopes: expected some of/),
      });
      expect(await explain([CUSTOMERS, '--subject', 'eve'])).toMatchObject({
        code: 64,
        stderr: expect.stringContaining('--scopes, --owner, --subject: expected none'),
      });
    } finally {
      await own.close();
    }
  });

  test('refuses what cannot be explained, and runs no mutation', async () => {
    const write = 'mutation { createCustomer(input: {name: "Nobody"}) { userErrors { code } } }';
    for (const [args, code, message] of [
      [[write], 1, /expected a query, got another operation/],
      [['subscription { customerChanged(id: "x") { id } }'], 1, /expected a query, got another operation/],
      [['{ nothing }'], 1, /Cannot query field "nothing"/],
      [[PRODUCTS, '--variables', '[1]'], 64, /^--variables: expected a JSON object, got "\[1\]"$/m],
      [[PRODUCTS, '--variables', '{'], 64, /^--variables: expected a JSON object, got "\{"$/m],
    ] as const) {
      const end = await explain(args);
      expect([args, end.code, end.stdout]).toEqual([args, code, '']);
      expect(end.stderr).toMatch(message);
    }
    const { customers } = await gateway.data('{ customers(filter: {nameStartsWith: "Nobody"}) { totalCount } }');
    expect(customers.totalCount).toBe(0);
  });

  test('says so when Redis is away', async () => {
    const { code, stdout } = await explain([CUSTOMERS], { REDIS_URL: 'redis://127.0.0.1:1', CACHE_TIMEOUT_MS: '40' });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^redis {5}down\nstored {4}unknown: Redis cannot be used \(no answer\)$/m);
  });
});

describe('GraphQL-Cache: report', () => {
  test.each([
    ['a field that is never cached', '{ viewer { subject } }', { reason: 'refused', notStored: 'refused' }],
    ['introspection', '{ __schema { queryType { name } } }', { reason: 'refused', maxAgeField: 'Query.__schema' }],
    ['a mutation', 'mutation { __typename }', { reason: 'refused', maxAgeSeconds: 0, key: null }],
    ['errors', '{ customers(first: 1000) { nodes { id } } }', { reason: 'absent', notStored: 'errors' }],
  ])('says why a response with %s is not cached', async (_, query, expected) => {
    expect(await told(query)).toMatchObject(expected);
  });

  test('says which wishes of the request had a cached response ignored', async () => {
    await gateway.request(CUSTOMERS);
    expect(await told(CUSTOMERS, { 'cache-control': 'no-cache' })).toMatchObject({ reason: 'refresh' });
    expect(await told(CUSTOMERS, { 'cache-control': 'max-age=0' })).toMatchObject({ reason: 'expired' });
  });

  test('is not stored, neither by the cache nor by a client', async () => {
    const query = '{ agents(first: 1) { nodes { name } } }';
    const headers = { 'graphql-cache': 'report', 'graphql-cost': 'report' };
    const [reported, plain] = [await gateway.request(query, { headers }), await gateway.request(query)];
    expect(Object.keys(reported.extensions ?? {})).toEqual(['cost', 'cache']);
    expect([reported.headers.get('x-cache'), reported.headers.get('cache-control')]).toEqual(['MISS', 'no-store']);
    expect([plain.headers.get('x-cache'), plain.extensions]).toEqual(['HIT', undefined]);
  });

  test('is the only value of the header', async () => {
    const { status, errors } = await gateway.request(CUSTOMERS, { headers: { 'graphql-cache': 'explain' } });
    expect([status, errors[0]?.message]).toEqual([400, 'Header "graphql-cache": expected report, got "explain".']);
  });
});

test('misses and what is not stored are counted by reason', async () => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const reasons = (name: string) =>
    new Set([...text.matchAll(new RegExp(`^${name}\\{reason="([^"]+)"\\} [1-9]`, 'gm'))].map(([, reason]) => reason));
  expect(reasons('concierge_cache_misses_total')).toEqual(
    new Set(['absent', 'expired', 'invalidated', 'refresh', 'refused']),
  );
  expect(reasons('concierge_cache_not_stored_total')).toEqual(new Set(['errors']));
});
