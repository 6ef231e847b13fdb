import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';

let database: TestDatabase;
let one: TestGateway;
let other: TestGateway;
let alone: TestGateway;
const redis = new Redis(redisUrl());
const prefix = `persisted-${process.pid}:`;
beforeAll(async () => {
  database = await createDatabase();
  const start = (more: object = {}) =>
    startGateway({ databaseUrl: database.url, settings: { ...PATIENT, CACHE_PREFIX: prefix }, ...more });
  [one, other, alone] = await Promise.all([start({ redisUrl: redisUrl() }), start({ redisUrl: redisUrl() }), start()]);
  await untilRedisUp(one, other);
});
afterAll(async () => {
  for (const gateway of [one, other, alone]) await gateway.close();
  await database.drop();
  redis.disconnect();
});

type Parameters = Readonly<Record<string, unknown>>;

async function send({ url }: TestGateway, method: 'GET' | 'POST', parameters: Parameters) {
  const asText = Object.entries(parameters).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const accept = 'application/graphql-response+json';
  const response =
    method === 'GET'
      ? await fetch(`${url}/graphql?${new URLSearchParams(asText)}`, { headers: { accept } })
      : await fetch(`${url}/graphql`, {
          method: 'POST',
          headers: { accept, 'content-type': 'application/json' },
          body: JSON.stringify(parameters),
        });
  return { status: response.status, body: await response.json() };
}

let made = 0;
/** A document that nobody has sent, and what a client sends with it. */
function newDocument(selection = '__typename') {
  const query = `query New${(made += 1)} { ${selection} }`;
  const sha256Hash = hash('sha256', query);
  return { query, sha256Hash, extensions: { persistedQuery: { version: 1, sha256Hash } } };
}

const NOT_FOUND = {
  status: 404,
  body: { errors: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] },
};
const FOUND = { status: 200, body: { data: { __typename: 'Query' } } };

describe.each(['GET', 'POST'] as const)('by %s, a document', (method) => {
  test('is found by its hash after a client has sent it with that', async () => {
    const { query, extensions } = newDocument();
    expect(await send(one, method, { extensions })).toEqual(NOT_FOUND);
    expect(await send(one, method, { query, extensions })).toEqual(FOUND);
    expect(await send(one, method, { extensions })).toEqual(FOUND);
  });

  test('is found by the other gateways, too', async () => {
    const { query, sha256Hash, extensions } = newDocument();
    await send(one, method, { query, extensions });
    await until(
      'the document to be in Redis',
      () => redis.exists(`${prefix}document:${sha256Hash}`),
      (count) => count === 1,
    );
    expect(await send(other, method, { extensions })).toEqual(FOUND);
    expect(await send(other, method, { extensions })).toEqual(FOUND);
  });

  test('is found by its id', async () => {
    const { query, sha256Hash, extensions } = newDocument();
    await send(one, method, { query, extensions });
    for (const documentId of [sha256Hash, `sha256:${sha256Hash}`])
      expect(await send(one, method, { documentId })).toEqual(FOUND);
  });

  test('is found without Redis by the gateway that it was sent to', async () => {
    const { query, extensions } = newDocument();
    expect(await send(alone, method, { extensions })).toEqual(NOT_FOUND);
    expect(await send(alone, method, { query, extensions })).toEqual(FOUND);
    expect(await send(alone, method, { extensions })).toEqual(FOUND);
  });

  test('with the hash of another one is refused', async () => {
    const { query } = newDocument();
    const { extensions, sha256Hash } = newDocument();
    const { status, body } = await send(one, method, { query, extensions });
    expect([status, body.errors[0].extensions.code]).toEqual([400, 'BAD_USER_INPUT']);
    expect(body.errors[0].message).toContain(sha256Hash.slice(0, 30));
    expect(await send(one, method, { extensions })).toEqual(NOT_FOUND);
  });
});

test('a document with variables gets those of each request', async () => {
  const { query, extensions } = newDocument('customers(first: $first) { nodes { name } }');
  const withVariable = query.replace(' {', '($first: Int) {');
  const persistedQuery = { version: 1, sha256Hash: hash('sha256', withVariable) };
  expect(await send(one, 'POST', { extensions })).toEqual(NOT_FOUND);
  await send(one, 'POST', { query: withVariable, variables: { first: 1 }, extensions: { persistedQuery } });
  const many = await send(one, 'POST', { variables: { first: 1_000 }, extensions: { persistedQuery } });
  expect(many.body.errors[0].message).toContain('1000');
  const few = await send(one, 'POST', { variables: { first: 2 }, extensions: { persistedQuery } });
  expect(few).toEqual({ status: 200, body: { data: { customers: { nodes: [] } } } });
});

test.each([
  ['that is not valid', newDocument('nobody')],
  ['that is very long', newDocument(`__typename ${' '.repeat(20_000)}`)],
])('a document %s is not stored', async (_, { query, sha256Hash, extensions }) => {
  await send(one, 'POST', { query, extensions });
  expect(await send(one, 'POST', { extensions })).toEqual(NOT_FOUND);
  expect(await redis.exists(`${prefix}document:${sha256Hash}`)).toBe(0);
});

test('a document in Redis that has another hash is not executed', async () => {
  const { sha256Hash, extensions } = newDocument();
  await redis.set(
    `${prefix}document:${sha256Hash}`,
    'mutation { deleteCustomer(input: { id: "x" }) { userErrors { code } } }',
  );
  expect(await send(one, 'POST', { extensions })).toEqual(NOT_FOUND);
});

test('a document that nobody asks for is forgotten within ten minutes, and within a day otherwise', async () => {
  const { query, sha256Hash, extensions } = newDocument();
  await send(one, 'POST', { query, extensions });
  const left = () => redis.ttl(`${prefix}document:${sha256Hash}`);
  await until('the document to be in Redis', left, (seconds) => seconds > 0);
  expect(await left()).toBeLessThanOrEqual(600);
  await send(other, 'POST', { extensions });
  await until('it to be kept for longer', left, (seconds) => seconds > 600);
  expect(await left()).toBeLessThanOrEqual(24 * 3_600);
});
