import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildSchema, isIntrospectionType, isOutputType } from 'graphql';
import { createScopeRules } from '../../src/graphql/scope-rules.ts';
import { SDL } from '../../src/graphql/schema.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { SCOPE_SETS } from './every-field.ts';
import { fieldCases, inputCases, isAllowed, type ScopeCase } from './scope-cases.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

/** Of a client that gets the status of an error, which one that asks for application/json does not. */
const headersOf = async (claims: Readonly<Record<string, unknown>>) => ({
  accept: 'application/graphql-response+json',
  ...bearing(await tokenOf(claims)),
});

const schema = buildSchema(SDL);

let servers: OwnServers;
let gateway: TestGateway;
beforeAll(async () => {
  servers = await startOwnServers();
  const settings = { ...PATIENT, ...BY_SECRET, AUTH_EXPLORE: 'scope', LIMIT_COST: '1000000', LIMIT_DEPTH: '30' };
  gateway = await startGateway({ databaseUrl: servers.database.url, redisUrl: servers.redis.url, settings });
  await untilRedisUp(gateway);
});
afterAll(async () => {
  await gateway.close();
  await servers.close();
});

test('every field that a document can select is asked for', () => {
  const all = Object.values(schema.getTypeMap()).flatMap((type) =>
    'getFields' in type && isOutputType(type) && !isIntrospectionType(type)
      ? Object.keys(type.getFields()).map((field) => `${type.name}.${field}`)
      : [],
  );
  expect(all.length).toBeGreaterThan(160);
  expect(
    fieldCases(schema)
      .map(({ coordinate }) => coordinate)
      .toSorted(),
  ).toEqual(all.toSorted());
});

test.each(SCOPE_SETS.map((scopes) => [scopes.join(' ') || 'no scope', scopes] as const))(
  'a caller with %s may use exactly the fields, arguments and mutations for which the schema says so',
  async (_, scopes) => {
    const headers = { ...bearing(await tokenOf({ scope: scopes.join(' ') })), 'graphql-cost': 'validate' };
    const cases = [...fieldCases(schema), ...inputCases(schema, ['literal'])];
    expect(cases.length).toBeGreaterThan(400);
    const wrong: unknown[] = [];
    await Promise.all(
      Array.from({ length: 8 }, async (__, lane) => {
        for (let i = lane; i < cases.length; i += 8) {
          const one = cases[i] as ScopeCase;
          const { errors } = await gateway.request(one.document, { headers });
          const codes = [...new Set(errors.map(({ extensions }) => extensions.code))];
          const expected = isAllowed(one.rules, scopes) ? [] : ['FORBIDDEN'];
          if (codes.join() !== expected.join()) wrong.push({ ...one, errors });
        }
      }),
    );
    expect(wrong).toEqual([]);
  },
);

const FILTERED =
  'query($filter: CustomerFilter, $phone: PhoneNumber) { customers(filter: $filter) { totalCount } b: customers(filter: { phone: $phone }) { totalCount } }';
test.each<[string, string, Readonly<Record<string, unknown>>, string | undefined]>([
  ['a literal', '{ customers(filter: { phone: "+4930123456" }) { totalCount } }', {}, 'CustomerFilter.phone'],
  ['null', '{ customers(filter: { phone: null }) { totalCount } }', {}, undefined],
  ['a variable', FILTERED, { phone: '+4930123456' }, 'CustomerFilter.phone'],
  ['a variable that is left out', FILTERED, {}, undefined],
  ['a variable that is null', FILTERED, { phone: null }, undefined],
  ['an object in a variable', FILTERED, { filter: { phone: '+4930123456' } }, 'CustomerFilter.phone'],
  ['an object with null', FILTERED, { filter: { phone: null, status: ['LEAD'] } }, undefined],
  [
    'a default',
    'query($by: CustomerBy! = { email: "a@b.example" }) { customer(by: $by) { id } }',
    {},
    'CustomerBy.email',
  ],
  [
    'a look-up',
    'query($e: EmailAddress!) { customer(by: { email: $e }) { id } }',
    { e: 'a@b.example' },
    'CustomerBy.email',
  ],
  ['a look-up by id', 'query($by: CustomerBy!) { customer(by: $by) { id } }', { by: { id: 'x' } }, undefined],
  [
    'a list under a page',
    '{ agents { nodes { customers(filter: { phone: "+4930123456" }) { totalCount } } } }',
    {},
    'CustomerFilter.phone',
  ],
  [
    'a field in a fragment',
    '{ ...F } fragment F on Query { ...G } fragment G on Query { searchCustomers(text: "ab") { totalCount } }',
    {},
    'Query.searchCustomers',
  ],
  [
    'a field that is left out',
    '{ searchCustomers(text: "ab") @include(if: false) { totalCount } }',
    {},
    'Query.searchCustomers',
  ],
  [
    'two fields',
    '{ a: customers(filter: { phone: "+4930123456" }) { totalCount } b: customer(by: { email: "a@b.example" }) { id } }',
    {},
    'CustomerFilter.phone, CustomerBy.email',
  ],
  ['a field that is masked', '{ customers { nodes { email phone changes { nodes { actor } } } } }', {}, undefined],
])('%s needs crm:pii exactly if it can tell something personal', async (...[, query, variables, coordinates]) => {
  const headers = await headersOf({ scope: 'crm:read' });
  const { errors, status } = await gateway.request(query, { variables, headers });
  if (coordinates === undefined)
    return expect(errors.map(({ extensions }) => extensions.code)).not.toContain('FORBIDDEN');
  expect([status, errors.map(({ message }) => message)]).toEqual([
    403,
    [expect.stringMatching(`^${coordinates}: expected a caller with the scope crm:pii, got one`)],
  ]);
});

test('of several operations in a document, only the one that is executed counts', async () => {
  const query = 'query A { searchCustomers(text: "ab") { totalCount } } query B { customers { nodes { id } } }';
  const headers = await headersOf({ scope: 'crm:read' });
  expect((await gateway.request(query, { headers, operationName: 'A' })).status).toBe(403);
  expect((await gateway.request(query, { headers, operationName: 'B' })).errors).toEqual([]);
});

test('persons with the same scopes share cached responses; callers with other scopes never do, and are refused before the cache', async () => {
  const query = '{ searchCustomers(text: "ab", first: 3) { nodes { id email } } }';
  const asked = async (sub: string, scope: string) => {
    const { status, headers } = await gateway.request(query, { headers: await headersOf({ sub, scope }) });
    return [status, headers.get('x-cache')];
  };
  for (const [sub, scope, expected] of [
    ['ada', 'crm:read crm:pii', [200, 'MISS']],
    ['bob', 'crm:pii crm:read', [200, 'HIT']],
    ['bob', 'crm:read', [403, 'BYPASS']],
    ['bob', 'crm:read crm:pii crm:write', [200, 'MISS']],
    ['eve', 'crm:write crm:read crm:pii other', [200, 'HIT']],
    ['ada', '', [403, 'BYPASS']],
  ] as const)
    expect([sub, scope, await asked(sub, scope)]).toEqual([sub, scope, expected]);
});

const PII = '{ searchCustomers(text: "ab", first: 3) { nodes { id } } }';
test.each([
  ['all that it needs, also what the caller has', 'crm:read', PII, 'crm:pii crm:read'],
  ['each scope once', '', '{ customers { nodes { id } } orders { nodes { id } } }', 'crm:read'],
  ['of several that would do one', '', '{ viewer { subject } }', 'crm:read'],
  [
    'of several that would do what it needs anyway',
    '',
    '{ viewer { subject } __schema { queryType { name } } }',
    'crm:explore',
  ],
])('403 for a missing scope names in its header %s', async (...[, scope, query, needed]) => {
  const headers = await headersOf({ scope });
  const named = async (accept: string) => {
    const { status, headers: got } = await gateway.request(query, { headers: { ...headers, accept } });
    return [status, got.get('www-authenticate')];
  };
  const said = `Bearer realm="concierge", error="insufficient_scope", scope="${needed}"`;
  for (let i = 0; i < 3; i += 1) expect(await named('application/graphql-response+json')).toEqual([403, said]);
  expect(await named('application/json')).toEqual([200, null]);
  const whole = await headersOf({ scope: needed });
  const { errors } = await gateway.request(query, { headers: whole });
  expect(errors.filter(({ extensions }) => extensions.code === 'FORBIDDEN')).toEqual([]);
});

test('403 for anything else names no scope, nor does the refusal of a subscription as an event stream', async () => {
  const owner = nodeId('Agent', 1);
  const headers = await headersOf({ scope: 'crm:read', owner });
  const listed = await gateway.request('{ agents { totalCount } }', { headers });
  expect([listed.errors[0]?.extensions.code, listed.headers.get('www-authenticate')]).toEqual(['FORBIDDEN', null]);
  const url = `${gateway.url}/graphql?${new URLSearchParams({ query: PII })}`;
  const stream = await fetch(url, { headers: { ...headers, accept: 'text/event-stream' } });
  expect(await stream.text()).toContain('FORBIDDEN');
  expect([stream.status, stream.headers.get('www-authenticate')]).toEqual([200, null]);
});

test('a root field or type without a rule, and a scope that does not exist, do not start', () => {
  const DIRECTIVE = 'directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT';
  const rulesOf = (sdl: string) => () => createScopeRules(buildSchema(`${DIRECTIVE} ${sdl}`), false);
  expect(rulesOf('type Query { a: A b: Int @requiresScopes(scopes: [[]]) } type A { c: Int }')).toThrow(
    new TypeError('expected @requiresScopes on Query.a, A'),
  );
  expect(rulesOf('type Query { b: Int @requiresScopes(scopes: [["crm:raed"]]) }')).toThrow(
    new TypeError('b: there is no scope crm:raed'),
  );
});
