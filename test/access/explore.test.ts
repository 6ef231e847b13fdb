import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

const ALL_OTHER_SCOPES = 'crm:read crm:write crm:pii';
const OF_VARIABLE = 'query($filter: CustomerFilter) { customers(filter: $filter) { totalCount } }';
const NEEDS_EXPLORE = /^Query\.__(?:schema|type): expected a caller with the scope crm:explore, got one without it\.$/;
const ACCEPTED = { accept: 'application/graphql-response+json' };

let database: TestDatabase;
/** In production, by nothing but the settings that production needs. */
let hidden: TestGateway;
/** There, too, but with a schema that is open. */
let open: TestGateway;
beforeAll(async () => {
  database = await createDatabase();
  const start = (name: string, settings: Readonly<Record<string, string>>) =>
    startGateway({
      databaseUrl: database.url,
      redisUrl: redisUrl(),
      settings: {
        ...{ ...PATIENT, ...BY_SECRET, ...settings },
        ...{ NODE_ENV: 'production', CACHE_PREFIX: `${name}:${database.url}:`, LIMIT_DEPTH: '30' },
      },
    });
  hidden = await start('hidden', {});
  open = await start('open', { AUTH_EXPLORE: 'open' });
  await untilRedisUp(hidden, open);
});
afterAll(async () => {
  await hidden.close();
  await open.close();
  await database.drop();
});

type Parameters = Readonly<Record<string, unknown>>;

/** Undefined stands for a request without a token. */
const headersFor = async (scope: string | undefined): Promise<Record<string, string>> =>
  scope === undefined ? {} : bearing(await tokenOf({ scope }));

const shown = async (response: Response) => ({ status: response.status, text: await response.text() });

async function posted(gateway: TestGateway, scope: string | undefined, body: unknown) {
  const headers = { ...ACCEPTED, 'content-type': 'application/json', ...(await headersFor(scope)) };
  return shown(await fetch(`${gateway.url}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) }));
}

async function got(gateway: TestGateway, scope: string | undefined, parameters: Parameters) {
  const texts = Object.entries(parameters).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const headers = { ...ACCEPTED, ...(await headersFor(scope)) };
  return shown(await fetch(`${gateway.url}/graphql?${new URLSearchParams(texts)}`, { headers }));
}

const METHODS = [
  ['POST', posted],
  ['GET', got],
] as const;

describe.each(METHODS)('in production, by %s,', (_, sent) => {
  test.each<[string, Parameters]>([
    ['__schema', { query: '{ __schema { types { name } } }' }],
    ['__type', { query: '{ __type(name: "Customer") { fields { name } } }' }],
    ['what tools ask', { query: getIntrospectionQuery() }],
    ['an alias beside something else', { query: '{ viewer { subject } viewers: __type(name: "Order") { name } }' }],
    [
      'fragments in fragments',
      {
        query: `{ ...A } fragment A on Query { ... { ...B } } fragment B on Query { at: __schema { ...C } }
          fragment C on __Schema { queryType { ...D } } fragment D on __Type { name fields { name } }`,
      },
    ],
    [
      'one of two operations',
      {
        query: 'query Plain { viewer { subject } } query Other { __type(name: "Order") { name } }',
        operationName: 'Other',
      },
    ],
    [
      'a variable',
      { query: 'query($name: String!) { __type(name: $name) { name } }', variables: { name: 'TicketConnection' } },
    ],
  ])('introspection needs crm:explore, whoever has asked before: %s', async (__, parameters) => {
    const explored = await sent(hidden, 'crm:explore', parameters);
    expect([explored.status, explored.text]).toEqual([200, expect.stringMatching(/"name":"(?!ada)/)]);
    // Again, since it may have been kept meanwhile.
    for (const time of [1, 2, 3]) {
      const refused = await sent(hidden, ALL_OTHER_SCOPES, parameters);
      expect([time, refused.status, JSON.parse(refused.text)]).toEqual([
        time,
        403,
        { errors: [{ message: expect.stringMatching(NEEDS_EXPLORE), extensions: { code: 'FORBIDDEN' } }] },
      ]);
      expect((await sent(hidden, undefined, parameters)).status).toBe(401);
      expect((await sent(hidden, 'crm:explore', parameters)).text).toBe(explored.text);
    }
    expect(await sent(open, 'crm:read', parameters)).toEqual(explored);
    expect((await sent(open, undefined, parameters)).status).toBe(401);
  });

  test.each<[string, Parameters, string]>([
    ['a field', { query: '{ custmers { totalCount } }' }, 'customers'],
    ['a field of a field', { query: '{ customers { nodes { emal } } }' }, 'email'],
    ['a field of introspection', { query: '{ __schema { directive } }' }, 'directives'],
    ['the type that has a field', { query: '{ node(id: "x") { subject } }' }, 'Ticket'],
    ['the types that have a field', { query: '{ node(id: "x") { updatedAt } }' }, 'Customer'],
    ['a mutation', { query: 'mutation { createCustmer(input: {}) { customer { id } } }' }, 'createCustomer'],
    ['a subscription', { query: 'subscription { customerChangd(id: "x") { id } }' }, 'customerChanged'],
    ['an argument', { query: '{ customers(frst: 1) { totalCount } }' }, 'first'],
    ['the type of a fragment', { query: '{ ...F } fragment F on Qery { customers { totalCount } }' }, 'Query'],
    ['the type of an inline fragment', { query: '{ node(id: "x") { ... on Custmer { id } } }' }, 'Customer'],
    ['the type of a variable', { query: 'query($f: CustomrFilter) { viewer { subject } }' }, 'CustomerFilter'],
    ['an enum value', { query: '{ customers(filter: { status: [ACTVE] }) { totalCount } }' }, 'ACTIVE'],
    ['an enum value as a text', { query: '{ customers(filter: { status: ["ACTVE"] }) { totalCount } }' }, 'ACTIVE'],
    ['an input field', { query: '{ customers(filter: { statuss: [ACTIVE] }) { totalCount } }' }, 'status'],
    ['a way to look something up', { query: '{ customer(by: { emall: "x" }) { id } }' }, 'email'],
    [
      'an enum value in a variable',
      { query: OF_VARIABLE, variables: { filter: { status: ['LEAD', 'ACTVE'] } } },
      'ACTIVE',
    ],
    ['an input field in a variable', { query: OF_VARIABLE, variables: { filter: { ownrId: 'x' } } }, 'ownerId'],
    [
      'a default of a variable',
      { query: 'query($s: [CustomerStatus!] = [ACTVE]) { customers(filter: { status: $s }) { totalCount } }' },
      'ACTIVE',
    ],
  ])('what a wrong name may have been meant to be is told with crm:explore alone: %s', async (__, parameters, name) => {
    const asWord = new RegExp(String.raw`Did you mean.*\b${name}\b`);
    const told = await sent(hidden, 'crm:explore', parameters);
    expect([told.status, told.text]).toEqual([400, expect.stringMatching(asWord)]);
    const untold = await sent(hidden, ALL_OTHER_SCOPES, parameters);
    expect([untold.status, untold.text]).toEqual([400, expect.stringMatching(/^\{"errors":\[\{"message":"/)]);
    expect(untold.text).not.toMatch(/did you mean/i);
    expect(untold.text).not.toMatch(new RegExp(String.raw`\b${name}\b`));
    expect((await sent(hidden, undefined, parameters)).status).toBe(401);
    expect((await sent(open, ALL_OTHER_SCOPES, parameters)).text).toBe(told.text);
  });
});

test.each(['POST', 'GET'])(
  'in production, several requests in one show nothing of the schema to anybody: %s',
  async (method) => {
    const batch = [{ query: '{ viewer { subject } }' }, { query: '{ __schema { types { name } } }' }];
    for (const scope of [undefined, ALL_OTHER_SCOPES, 'crm:explore']) {
      const { status, text } =
        method === 'POST' ? await posted(hidden, scope, batch) : await got(hidden, scope, { query: batch });
      expect([scope, status, text]).toEqual([
        scope,
        scope === undefined ? 401 : 400,
        expect.stringMatching(/^\{"errors"/),
      ]);
      expect(text).not.toMatch(/"data"|CustomerConnection/);
    }
  },
);

test.each([
  ['GET', '/schema.graphql', 'text/html'],
  ['GET', '/schema.graphql', '*/*'],
  ['HEAD', '/schema.graphql', '*/*'],
  ['GET', '/graphql', 'text/html'],
  ['GET', '/graphql?query=%7B__typename%7D', 'text/html,application/xhtml+xml,*/*;q=0.8'],
  ['GET', '/', 'text/html'],
  ['HEAD', '/graphql', 'text/html'],
])('in production, a page or file with the schema needs crm:explore: %s %s as %s', async (method, path, accept) => {
  const pageFor = async (gateway: TestGateway, scope: string | undefined, more: Record<string, string> = {}) => {
    const headers = { accept, ...(await headersFor(scope)), ...more };
    const response = await fetch(gateway.url + path, { method, headers });
    const { status, text } = await shown(response);
    if (status === 403)
      expect(response.headers.get('www-authenticate')).toBe(
        'Bearer realm="concierge", error="insufficient_scope", scope="crm:explore"',
      );
    // The page is too long for a message.
    return { status, hasSchema: /^type Query|GraphiQL/m.test(text), etag: response.headers.get('etag') };
  };
  const explored = await pageFor(hidden, 'crm:explore');
  expect(explored).toEqual({ status: 200, hasSchema: method === 'GET', etag: expect.stringMatching(/^"/) });
  for (const [scope, status] of [
    [undefined, 401],
    [ALL_OTHER_SCOPES, 403],
  ] as const)
    // Also if somebody has got it before.
    for (const more of [{}, { 'if-none-match': String(explored.etag) }])
      expect(await pageFor(hidden, scope, more)).toEqual({ status, hasSchema: false, etag: null });
  expect(await pageFor(open, undefined)).toEqual(explored);
});

test.each([
  ['a required argument', '{ node { id } }', /^Argument "Query\.node\(id:\)" of type "ID!" is required/],
  [
    'a required input field',
    'mutation { createCustomer(input: {}) { customer { id } } }',
    /of type "CreateCustomerInput" to include required field "name"/,
  ],
  ['the type of a field', '{ customers }', /^Field "customers" of type "CustomerConnection!" must have a selection/],
])('errors name %s that is missing to everybody, as docs/security.md says', async (_, query, told) => {
  const { errors } = await hidden.request(query, { headers: bearing(await tokenOf({ scope: ALL_OTHER_SCOPES })) });
  expect(errors[0]?.message).toMatch(told);
});
