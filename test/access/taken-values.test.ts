import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

const TAKEN = 'taken@example.com';
const FREE = 'free@example.com';
const OWNER = nodeId('Agent', 1);

let database: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  database = await createDatabase();
  await withConnection(database.url, async (connection) => {
    await connection.query("INSERT INTO agents (id, name, updated_at) VALUES (1, 'Ada', UTC_TIMESTAMP())");
  });
  gateway = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...BY_SECRET } });
  await created({ name: 'Taken', email: TAKEN, externalId: 'taken', ownerId: OWNER });
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

const MUTATIONS = {
  createCustomer: 'mutation($input: CreateCustomerInput!) { createCustomer(input: $input)',
  updateCustomer: 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input)',
} as const;

async function written(mutation: keyof typeof MUTATIONS, input: object, claims: object = {}) {
  const headers = bearing(await tokenOf({ scope: 'crm:read crm:write crm:pii', ...claims }));
  const document = `${MUTATIONS[mutation]} { customer { id version } userErrors { code message path } } }`;
  const { data, errors } = await gateway.request(document, { variables: { input }, headers });
  expect(errors).toEqual([]);
  return data[mutation];
}
const created = async (input: object): Promise<string> => (await written('createCustomer', input)).customer.id;

/** The answer, and how many statements it took: what tells as much as a clock, and does not depend on one. */
async function counted<Answer>(asked: () => Promise<Answer>) {
  let answer: Answer | undefined;
  const statements = await gateway.statementsOf(async () => {
    answer = await asked();
  });
  return { answer, statements: Object.fromEntries(statements) };
}

/** Inputs that are refused whatever the email address is. */
const REFUSED: readonly (readonly [string, object])[] = [
  ['tags that the database takes for the same', { tags: ['cafe', 'café'] }],
  ['an external id that is taken', { externalId: 'taken' }],
  ['an owner that does not exist', { ownerId: nodeId('Agent', 999) }],
];

describe.each([
  ['', {}],
  [' and with the claim "owner"', { owner: OWNER }],
])('without crm:pii%s', (_, claims) => {
  const masked = { scope: 'crm:read crm:write', ...claims };

  test.each(REFUSED)('a write with %s says nothing of whether an email address is taken', async (__, wrong) => {
    const id = await created({ name: 'Own', ownerId: OWNER });
    for (const key of ['', 'replayed'])
      for (const mutation of ['createCustomer', 'updateCustomer'] as const) {
        if (mutation === 'updateCustomer' && 'tags' in wrong) continue;
        const fields = mutation === 'createCustomer' ? { name: 'New' } : { id };
        const asked = (email: string) => {
          const idempotencyKey =
            key === '' ? {} : { idempotencyKey: [key, mutation, email, ...Object.keys(wrong)].join() };
          return written(mutation, { ...fields, ...wrong, ...idempotencyKey, email }, masked);
        };
        const [taken, free] = [await counted(() => asked(TAKEN)), await counted(() => asked(FREE))];
        expect(taken).toEqual(free);
        expect(taken.answer.userErrors).toHaveLength(1);
      }
  });

  test('a write that is right but for this is told that an email address is taken', async () => {
    const { userErrors } = await written('createCustomer', { name: 'New', email: TAKEN }, masked);
    expect(userErrors).toEqual([
      { code: 'ALREADY_EXISTS', message: 'A customer has this email already.', path: ['input', 'email'] },
    ]);
  });
});

const ADDRESS = { line1: 'Main Street 1', city: 'Springfield', country: 'US' };
const OTHER_ADDRESS = { ...ADDRESS, line1: 'Main Street 2' };
const SET_ADDRESSES = `mutation($input: SetAddressesInput!) {
  setAddresses(input: $input) { customer { id version } userErrors { code message path } }
}`;
const HISTORY = `query($id: ID!) {
  customer(by: { id: $id }) { version changes(first: 10) { nodes { version action fields { field before after } } } }
}`;

describe.each([
  ['crm:read crm:write', {}],
  ['crm:write', {}],
  ['crm:read crm:write', { owner: OWNER }],
])('a guess by a caller with %s and %j', (scope, claims) => {
  const masked = { scope, ...claims };
  const fields =
    scope === 'crm:write'
      ? 'userErrors { code message path }'
      : 'customer { version } userErrors { code message path }';
  const PHONE = { number: '+4930123456' };
  const asked = async (
    query: string,
    variables: Readonly<Record<string, unknown>>,
    given: Readonly<Record<string, unknown>>,
  ) => {
    const { data, errors } = await gateway.request(query, { variables, headers: bearing(await tokenOf(given)) });
    expect(errors).toEqual([]);
    return data;
  };
  const guessed = (mutation: 'updateCustomer' | 'setAddresses', input: object) => {
    const type = mutation === 'updateCustomer' ? 'UpdateCustomerInput' : 'SetAddressesInput';
    return asked(`mutation($input: ${type}!) { ${mutation}(input: $input) { ${fields} } }`, { input }, masked);
  };
  /** What all callers may see of a customer afterwards. */
  const seen = (id: string) => asked(HISTORY, { id }, { scope: 'crm:read' });
  let number = 0;
  /** A customer with an email address of its own. */
  const known = async () => {
    const email = `${scope.length}${Object.keys(claims).length}-${(number += 1)}@example.com`;
    const id = await created({ name: 'Known', email, phone: PHONE, addresses: [ADDRESS], ownerId: OWNER });
    return { id, email };
  };

  test('does not find out who has an email address', async () => {
    const [holder, other] = [await known(), await known()];
    const before = [await seen(holder.id), await seen(other.id)];
    const right = await guessed('updateCustomer', { id: holder.id, email: holder.email });
    expect(right.updateCustomer.userErrors).toEqual([
      { code: 'ALREADY_EXISTS', message: 'A customer has this email already.', path: ['input', 'email'] },
    ]);
    expect(await guessed('updateCustomer', { id: other.id, email: holder.email })).toEqual(right);
    expect([await seen(holder.id), await seen(other.id)]).toEqual(before);
  });

  test.each([
    ['alone', {}],
    ['with a version that is not its own', { expectedVersion: 0 }],
    ['with an external id that is taken', { externalId: 'taken' }],
  ])('takes as many statements whoever has the email address, %s', async (_, wrong) => {
    const [holder, other] = [await known(), await known()];
    const guessAt = ({ id }: { id: string }) =>
      counted(() => guessed('updateCustomer', { id, email: holder.email, ...wrong }));
    expect(await guessAt(holder)).toEqual(await guessAt(other));
  });

  test('does not find out by its key what a caller with the same name has written', async () => {
    const { id } = await known();
    const idempotencyKey = `event ${scope} ${Object.keys(claims).length}`;
    const seeing = { scope: 'crm:read crm:write crm:pii', ...claims };
    await written('updateCustomer', { id, phone: PHONE, idempotencyKey }, seeing);
    const guess = await guessed('updateCustomer', { id, phone: { number: '+4930777777' }, idempotencyKey });
    expect(guess.updateCustomer.userErrors).toEqual([]);
  });

  test.each([
    [
      'updateCustomer',
      (id: string) => ({ id, phone: PHONE }),
      (id: string) => ({ id, phone: { number: '+4930654321' } }),
    ],
    [
      'setAddresses',
      (customerId: string) => ({ customerId, addresses: [ADDRESS] }),
      (customerId: string) => ({ customerId, addresses: [OTHER_ADDRESS] }),
    ],
  ] as const)('is a write, by %s, whether it is right or wrong', async (mutation, right, wrong) => {
    const [one, other] = [await known(), await known()];
    const answers = [await guessed(mutation, right(one.id)), await guessed(mutation, wrong(other.id))];
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.[mutation].userErrors).toEqual([]);
    const after = [await seen(one.id), await seen(other.id)];
    expect(after[0]).toEqual(after[1]);
    expect(after[0]).toMatchObject({ customer: { version: 2 } });
  });
});

test('with crm:pii, writing what is there already changes nothing', async () => {
  const id = await created({
    name: 'Own',
    email: 'own@example.com',
    phone: { number: '+4930123456' },
    addresses: [ADDRESS],
  });
  const same = await written('updateCustomer', { id, email: 'own@example.com', phone: { number: '+4930123456' } });
  expect(same).toEqual({ customer: { id, version: 1 }, userErrors: [] });
  const headers = bearing(await tokenOf({ scope: 'crm:read crm:write crm:pii' }));
  const input = { customerId: id, addresses: [ADDRESS] };
  const { data } = await gateway.request(SET_ADDRESSES, { variables: { input }, headers });
  expect(data.setAddresses).toEqual(same);
});

test('with crm:pii, everything that is wrong is told at once', async () => {
  const { userErrors } = await written('createCustomer', { name: 'New', email: TAKEN, externalId: 'taken' });
  expect(userErrors.map(({ path }: { path: string[] }) => path[1])).toEqual(['email', 'externalId']);
});
