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
        const [taken, free] = [await asked(TAKEN), await asked(FREE)];
        expect(taken).toEqual(free);
        expect(taken.userErrors).toHaveLength(1);
      }
  });

  test('a write that is right but for this is told that an email address is taken', async () => {
    const { userErrors } = await written('createCustomer', { name: 'New', email: TAKEN }, masked);
    expect(userErrors).toEqual([
      { code: 'ALREADY_EXISTS', message: 'Another customer has this email already.', path: ['input', 'email'] },
    ]);
  });
});

test('with crm:pii, everything that is wrong is told at once', async () => {
  const { userErrors } = await written('createCustomer', { name: 'New', email: TAKEN, externalId: 'taken' });
  expect(userErrors.map(({ path }: { path: string[] }) => path[1])).toEqual(['email', 'externalId']);
});
