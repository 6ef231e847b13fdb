import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema, getDirectiveValues, isObjectType, type GraphQLField, type GraphQLObjectType } from 'graphql';
import { SCOPES } from '../../src/access/caller.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { maskFields, readMasks } from '../../src/graphql/masking.ts';
import { SDL } from '../../src/graphql/schema.ts';
import { idOf } from '../mutations/writing-gateway.ts';
import { subscribe } from '../subscriptions/event-reader.ts';
import { PATIENT, startGateway, untilRedisUp, type Answer, type TestGateway } from '../support/gateway.ts';
import { documentFor, needsArguments, pathsFromQuery, selectionOf, valuesAt } from '../support/schema-paths.ts';
import { createDatabase, redisUrl, withConnection, type TestDatabase } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

/** Of the first customers: their email addresses and telephone numbers as they are stored, and as they are shown. */
const SHOWN = [
  ['ada.lovelace@example.com', 'a***@e***.com', '+4930123456', '+49 *** 56'],
  ['adam@mail.example.co.uk', 'a***@m***.uk', '+12025550123', '+1 *** 23'],
  ['ada@example.com', '***@e***.com', '+35312345678', '+353 *** 78'],
  ['a@b.example', '***@***.example', '+4930123', '+49 ***'],
  ['adam@localhost', '***', '+9991234567890', '***'],
  ['adam@exa@mple.com', '***', '030 123456', '***'],
] as const;

/** Who has changed the first customers, as stored and as shown: tokens say what they like. */
const ACTORS = [
  ['ada.lovelace@example.com', 'a***@e***.com'],
  ['samlp|staff|Adam@Example.com', 'samlp|staff|A***@E***.com'],
  ['Ada Lovelace <ada@example.com>, for bob.smith@b.example.', 'Ada Lovelace <***@e***.com>, for b***@***.example.'],
  ['mailto:adam%40mail.example.co.uk?subject=o', 'mailto:a***@m***.uk?subject=o'],
  ["api-key:7:of o'brien@example.com", 'api-key:7:of o***@e***.com'],
  ['adam@localhost', '***'],
  ['adam@exa@mple.com', '***'],
  ['"ada lovelace"@example.com', '"***@e***.com'],
  ['acct:adam@[192.0.2.1]', 'acct:***'],
  ['seed', 'seed'],
  ['@ada, auth0|5f7c8ec7', '@ada, auth0|5f7c8ec7'],
  ['адам@пример.рф', '***'],
] as const;

const schema = buildSchema(SDL);
let database: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 12, ordersPerCustomer: 2, seed: 1 });
  await withConnection(database.url, async (connection) => {
    for (const [i, [email, , phone]] of SHOWN.entries())
      await connection.query('UPDATE customers SET email = ?, phone = ? WHERE id = ?', [email, phone, i + 1]);
    for (const [i, [actor]] of ACTORS.entries())
      await connection.query('UPDATE customer_changes SET actor = ? WHERE customer_id = ?', [actor, i + 1]);
    await connection.query('UPDATE customer_changes SET changes = ?', [
      JSON.stringify(
        ['name', 'email', 'phone', 'addresses', 'ownerId'].map((field) => ({ field, before: null, after: '7' })),
      ),
    ]);
  });
  gateway = await startGateway({
    databaseUrl: database.url,
    redisUrl: redisUrl(),
    settings: {
      ...PATIENT,
      ...BY_SECRET,
      CACHE_PREFIX: `${database.url}:`,
      LIMIT_COST: '10000000',
      LIMIT_DEPTH: '30',
    },
  });
  await untilRedisUp(gateway);
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

const as = async (scope: string, query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<Answer> =>
  gateway.request(query, { variables, headers: bearing(await tokenOf({ scope })) });

describe('every field of the schema, by every access', () => {
  type Rule = readonly (readonly string[])[];
  const ruleBy = (name: string, { astNode }: Pick<GraphQLField<unknown, unknown>, 'astNode'>): Rule => {
    const directive = schema.getDirective(name);
    const given = directive && getDirectiveValues(directive, { directives: astNode?.directives ?? [] });
    return (given?.['scopes'] as Rule | undefined) ?? [[]];
  };
  const meets = (rule: Rule, scopes: readonly string[]) => rule.some((all) => all.every((one) => scopes.includes(one)));

  const TYPES = [...pathsFromQuery(schema)].flatMap(([name, path]) => {
    const type = schema.getType(name);
    if (!isObjectType(type) || name === 'Query') return [];
    return [{ name, path, fields: Object.values(type.getFields()).filter((field) => !needsArguments(field)), type }];
  });
  /** What the schema says that a caller sees in place of a value. */
  const expectedOf = (
    type: GraphQLObjectType,
    [field, shown]: [string, unknown],
    scopes: readonly string[],
  ): unknown => {
    const definition = type.getFields()[field];
    if (definition === undefined || shown === null) return shown;
    if (meets(ruleBy('maskedWithout', definition), scopes)) return shown;
    return field === 'actor' ? new Map<unknown, string>(ACTORS).get(shown) : expect.stringContaining('***');
  };
  const PROFILES = ['', 'crm:read', 'crm:read crm:pii', 'crm:read crm:write', SCOPES.join(' ')];

  // Another name is another entry of the cache, so that each order begins with an empty one.
  test.each([
    ['All', PROFILES.toReversed()],
    ['None', PROFILES],
  ])('shows what the schema says, cached or not: %s first', async (operation, profiles) => {
    let masked = 0;
    for (const { name, path, fields, type } of TYPES) {
      const leaves = fields.filter((field) => selectionOf(field) === field.name).map((field) => field.name);
      const query = (of: string) => `query ${of}${name} ${documentFor(path, `__typename ${leaves.join(' ')}`)}`;
      const whole = valuesAt((await as(SCOPES.join(' '), query('Whole'))).data, path);
      for (const profile of profiles) {
        const scopes = profile.split(' ');
        const isAllowed = scopes.includes('crm:read') || (profile !== '' && name === 'Viewer');
        for (const time of ['first', 'again']) {
          const { data, errors, headers } = await as(profile, query(operation));
          const at = `${name} by ${profile}, ${time}`;
          if (!isAllowed) {
            expect([at, [...new Set(errors.map(({ extensions }) => extensions.code))]]).toEqual([at, ['FORBIDDEN']]);
            continue;
          }
          if (name === 'Viewer' || name === 'RateLimit') continue;
          const expected = whole.map((value) =>
            Object.fromEntries(Object.entries(value).map((entry) => [entry[0], expectedOf(type, entry, scopes)])),
          );
          if (JSON.stringify(expected) !== JSON.stringify(whole)) masked += 1;
          if (name !== 'FieldChange') expect([at, valuesAt(data, path)]).toEqual([at, expected]);
          expect([at, headers.get('x-cache')]).toEqual([at, time === 'first' ? 'MISS' : 'HIT']);
        }
      }
      expect([name, (await gateway.request(query(operation))).status]).toEqual([name, 401]);
    }
    // Of customers, addresses, interactions, agents and changes, twice for two of the profiles.
    expect(masked).toBe(5 * 2 * 2);
  });
});

test.each(SHOWN.map((row, i) => [...row, idOf('Customer', i + 1)] as const))(
  '%s is shown as %s, and %s as %s',
  async (...[email, maskedEmail, phone, maskedPhone, id]) => {
    const query = 'query($id: ID!) { customer(by: { id: $id }) { email phone } }';
    expect((await as('crm:read', query, { id })).data.customer).toEqual({ email: maskedEmail, phone: maskedPhone });
    expect((await as('crm:read crm:pii', query, { id })).data.customer).toEqual({ email, phone });
  },
);

test.each(ACTORS.map((row, i) => [...row, idOf('Customer', i + 1)] as const))(
  'a change by %s is shown as by %s, and as it is to a caller with crm:pii',
  async (...[actor, masked, id]) => {
    const query = 'query($id: ID!) { customer(by: { id: $id }) { changes(last: 1) { nodes { actor } } } }';
    for (const [scope, expected] of [
      ['crm:read', masked],
      ['crm:read crm:pii', actor],
    ] as const)
      expect((await as(scope, query, { id })).data.customer.changes.nodes).toEqual([{ actor: expected }]);
  },
);

const ID = idOf('Customer', 1);
const MASKED = { email: 'a***@e***.com', phone: '+49 *** 56' };
const SELECTED = '{ ... on Customer { e: email phone ...F } }';
const INTROSPECTED = 's: __schema { queryType { name } }';
test.each([
  ['node', `query($id: ID!) { at: node(id: $id) ${SELECTED} }`],
  ['nodes', `query($id: ID!) { at: nodes(ids: [$id]) ${SELECTED} }`],
  ['what graphql-js executes', `query($id: ID!) { ${INTROSPECTED} at: node(id: $id) ${SELECTED} }`],
  ['an edge', `{ at: customers(first: 1, orderBy: { field: CREATED_AT }) { edges { node ${SELECTED} } } }`],
  ['what hangs on an order', `{ at: orders(first: 100) { nodes { customer ${SELECTED} } } }`],
  ['a payload', `mutation($id: ID!) { at: updateCustomer(input: { id: $id, company: "A" }) { customer ${SELECTED} } }`],
  [
    'the payload of a refusal',
    `mutation($id: ID!) { at: updateCustomer(input: { id: $id, expectedVersion: 99 }) { customer ${SELECTED} } }`,
  ],
])('%s is masked', async (_, document) => {
  const query = `${document} fragment F on Customer { email }`;
  // On the seeded customers' path, the first one is only one of many.
  const shown = { e: SHOWN[0][0], phone: SHOWN[0][2], email: SHOWN[0][0] };
  const scopes = 'crm:read crm:write crm:explore';
  const [whole, masked] = [
    (await as(`${scopes} crm:pii`, query, { id: ID })).data.at,
    await as(scopes, query, { id: ID }),
  ];
  expect(JSON.stringify(whole)).toContain(JSON.stringify(shown).slice(1, -1));
  expect(JSON.stringify(masked.data.at)).toContain(
    JSON.stringify({ e: MASKED.email, phone: MASKED.phone, email: MASKED.email }).slice(1, -1),
  );
  expect(JSON.stringify(masked.data)).not.toMatch(/@[a-z]+\.|\d{6}/);
});

test('a subscription is masked, and shows what a caller with crm:pii sees to nobody else', async () => {
  const query = 'subscription($id: ID!) { customerChanged(id: $id) { email phone } }';
  for (const [scope, expected] of [
    ['crm:read', MASKED],
    ['crm:read crm:pii', { email: SHOWN[0][0], phone: SHOWN[0][2] }],
  ] as const) {
    const events = await subscribe(gateway.url, query, {
      variables: { id: ID },
      headers: bearing(await tokenOf({ scope })),
    });
    expect((await events.next()).data.data.customerChanged).toEqual(expected);
    events.close();
  }
});

test('the record of changes says that something personal was changed, but not how: neither to what, nor from what', async () => {
  const id = idOf('Customer', 12);
  const [personal, others] = [['email', 'phone', 'addresses', 'body'], ['name']];
  const CHANGES = [
    { before: 'personal, former', after: 'personal, present' },
    { before: null, after: 'personal, present' },
    { before: 'personal, former', after: null },
  ];
  const recorded = CHANGES.flatMap((values) => [...personal, ...others].map((field) => ({ field, ...values })));
  await withConnection(database.url, (connection) =>
    connection.query('UPDATE customer_changes SET changes = ? WHERE customer_id = 12', [JSON.stringify(recorded)]),
  );
  const query =
    'query($id: ID!) { customer(by: { id: $id }) { changes(last: 1) { nodes { fields { field before after } } } } }';
  const fieldsAs = async (scope: string) => (await as(scope, query, { id })).data.customer.changes.nodes[0].fields;
  const masked = (value: string | null) => value && '***';
  const expected = recorded.map(({ field, before, after }) =>
    personal.includes(field) ? { field, before: masked(before), after: masked(after) } : { field, before, after },
  );
  for (const scope of ['crm:read', 'crm:read crm:write crm:explore']) expect(await fieldsAs(scope)).toEqual(expected);
  expect(await fieldsAs('crm:read crm:pii')).toEqual(recorded);
});

test('what was read masked cannot be written back', async () => {
  const update =
    'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code path message } } }';
  const set = 'mutation($input: SetAddressesInput!) { setAddresses(input: $input) { userErrors { code path } } }';
  for (const [email, number] of SHOWN.map(([, one, , other]) => [one, other])) {
    const { data } = await as('crm:write', update, { input: { id: ID, email, phone: { number, country: 'DE' } } });
    expect(data.updateCustomer.userErrors).toEqual([
      {
        code: 'INVALID_EMAIL',
        path: ['input', 'email'],
        message: `Expected an email address in ASCII, got the mask "${email}".`,
      },
      {
        code: 'INVALID_PHONE',
        path: ['input', 'phone', 'number'],
        message: `Expected a telephone number of DE, got the mask "${number}".`,
      },
    ]);
  }
  const { data } = await as('crm:write', set, {
    input: { customerId: ID, addresses: [{ line1: '***', city: ' *** ' }] },
  });
  expect(data.setAddresses.userErrors).toEqual(
    ['line1', 'city'].map((part) => ({ code: 'INVALID_INPUT', path: ['input', 'addresses', '0', part] })),
  );
});

test('a personal field without a rule, and a mask for a type that has none, do not start', () => {
  const DIRECTIVES = `directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION
    directive @maskedWithout(scopes: [[String!]!]!) on FIELD_DEFINITION scalar EmailAddress`;
  const of = (field: string) => buildSchema(`${DIRECTIVES} type Query { ${field} }`);
  const rule = '(scopes: [["crm:pii"]])';
  expect(() => readMasks(of('email: [EmailAddress!]!'))).toThrow(
    new TypeError('Query.email: expected @requiresScopes or @maskedWithout, since EmailAddress is personal'),
  );
  for (const directive of ['requiresScopes', 'maskedWithout'])
    expect(() => readMasks(of(`email: EmailAddress @${directive}${rule}`))).not.toThrow();
  for (const type of ['Int', '[String]', '[EmailAddress!]!'])
    expect(() => maskFields(of(`a: ${type} @maskedWithout${rule}`))).toThrow(
      new TypeError(`Query.a: @maskedWithout cannot mask the type ${type}`),
    );
  const parts = `enum Part { EMAIL_ADDRESSES NAMES } directive @maskedWithout(scopes: [[String!]!]!, part: Part) on FIELD_DEFINITION`;
  const partly = (type: string, part: string) => () =>
    maskFields(buildSchema(`${parts} type Query { a: ${type} @maskedWithout(scopes: [["crm:pii"]], part: ${part}) }`));
  expect(partly('String', 'EMAIL_ADDRESSES')).not.toThrow();
  for (const [type, part] of [
    ['ID', 'EMAIL_ADDRESSES'],
    ['[String]', 'EMAIL_ADDRESSES'],
    ['String', 'NAMES'],
  ] as const)
    expect(partly(type, part)).toThrow(
      new TypeError(`Query.a: @maskedWithout cannot mask ${part} in the type ${type}`),
    );
});
