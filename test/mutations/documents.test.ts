import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { idOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

const SEVERAL = `mutation($email: String!, $id: ID!) {
  first: createCustomer(input: { name: "First", email: $email }) { customer { version } userErrors { code } }
  again: createCustomer(input: { name: "Again", email: $email }) { customer { version } userErrors { code path } }
  free: updateCustomer(input: { id: $id, email: $email }) { customer { name email } userErrors { code } }
  rename: updateCustomer(input: { id: $id, name: "Renamed" }) { customer { name version } userErrors { code } }
  note: logInteraction(input: { customerId: $id, kind: NOTE, body: "see" }) {
    interaction { customer { name interactions(first: 1) { nodes { body } } } } userErrors { code } }
  gone: deleteCustomer(input: { id: $id }) { deletedCustomerId userErrors { code } }
  late: updateCustomer(input: { id: $id, name: "Late" }) { customer { name } userErrors { code } }
}`;

const BREAKING = `mutation($before: String!, $id: ID!) {
  before: createCustomer(input: { name: $before }) { userErrors { code } }
  broken: createCustomer(input: { name: "Broken", email: "b@example.com", tags: ["a"], addresses: [{ line1: "x" }] }) {
    userErrors { code } }
  after: logInteraction(input: { customerId: $id, kind: CALL, body: "After" }) { userErrors { code } }
}`;

// An operation's plan is made when it first runs, and kept for the next time.
describe.each(['new', 'kept'])('several mutations in one document, by a %s plan', (how) => {
  test('run in order, and each sees what the previous ones did', async () => {
    const { customer } = await gateway.create({ name: 'Original' });
    const email = `${how}@example.com`;
    const answer = await gateway.request(SEVERAL, { variables: { id: customer?.id, email } });
    expect(answer.errors).toEqual([]);
    expect(answer.data).toEqual({
      first: { customer: { version: 1 }, userErrors: [] },
      again: { customer: null, userErrors: [{ code: 'ALREADY_EXISTS', path: ['input', 'email'] }] },
      free: { customer: { name: 'Original', email: null }, userErrors: [{ code: 'ALREADY_EXISTS' }] },
      rename: { customer: { name: 'Renamed', version: 2 }, userErrors: [] },
      note: {
        interaction: { customer: { name: 'Renamed', interactions: { nodes: [{ body: 'see' }] } } },
        userErrors: [],
      },
      gone: { deletedCustomerId: customer?.id, userErrors: [] },
      late: { customer: null, userErrors: [{ code: 'NOT_FOUND' }] },
    });
  });

  test('are rolled back one by one: a failing one leaves nothing, those before it stay, and none runs after it', async () => {
    await gateway.sql('RENAME TABLE customer_changes TO customer_changes_away');
    await gateway.sql('CREATE TABLE customer_changes LIKE customer_changes_away');
    // The first entry fits; the second has the same version and violates the index.
    await gateway.sql('ALTER TABLE customer_changes ADD UNIQUE INDEX only_one (version)');
    try {
      const before = await gateway.everything();
      const answer = await gateway.request(BREAKING, {
        variables: { before: `Before ${how}`, id: idOf('Customer', 1) },
      });
      expect(answer.data).toBeNull();
      expect(answer.errors.map(({ path, extensions }) => [path, extensions.code])).toEqual([
        [['broken'], 'INTERNAL_SERVER_ERROR'],
      ]);
      const after = await gateway.everything();
      const added = Object.fromEntries(
        Object.entries(after).map(([table, rows]) => [table, rows.length - (before[table]?.length ?? 0)]),
      );
      expect(added).toMatchObject({
        customers: 1,
        customer_stats: 1,
        customer_tags: 0,
        customer_addresses: 0,
        interactions: 0,
      });
      expect(after['customers']?.at(-1)).toMatchObject({ name: `Before ${how}` });
    } finally {
      await gateway.sql('DROP TABLE customer_changes');
      await gateway.sql('RENAME TABLE customer_changes_away TO customer_changes');
    }
  });
});

test('the response to a mutation never comes from the cache, and is never stored', async () => {
  const mutation = 'mutation { createCustomer(input: { name: "Same" }) { customer { id } } }';
  const answers = [await gateway.request(mutation), await gateway.request(mutation), await gateway.request(mutation)];
  expect(new Set(answers.map(({ text }) => text)).size).toBe(3);
  for (const { headers } of answers)
    expect([headers.get('x-cache'), headers.get('cache-control')]).toEqual(['BYPASS', 'no-store']);
});
