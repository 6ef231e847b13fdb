import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseApiKeyAction, runApiKeys } from '../../src/cli/api-keys.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { captureCli } from '../cli/captured-cli.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { nodeId } from '../support/seeded.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

const ONE = nodeId('Agent', 1);
const TWO = nodeId('Agent', 2);
const SCOPES = 'crm:read crm:write';

let database: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 40, ordersPerCustomer: 1, seed: 1 });
  const settings = { ...PATIENT, ...BY_SECRET, AUTH_API_KEYS: 'true' };
  gateway = await startGateway({ databaseUrl: database.url, settings });
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

async function said(action: string, options: { readonly owner?: string } = {}): Promise<string> {
  const { cli, output } = captureCli();
  const given = action === 'create' ? { name: 'x', scopes: 'crm:read,crm:write', expires: '1d', ...options } : {};
  await runApiKeys(parseApiKeyAction(action, undefined, given), cli, database.url);
  return output();
}
const createdKey = async (options: { readonly owner?: string }) =>
  /concierge_\w+/.exec(await said('create', options))?.[0] ?? '';

test('an API key may be for the customers of one agent, as a token with the claim "owner" is', async () => {
  const [mine, all] = [await createdKey({ owner: ONE }), await createdKey({})];
  const token = await tokenOf({ scope: SCOPES, owner: ONE });
  const list = `{ viewer { ownerId } customers(first: 100) { totalCount nodes { id owner { id } } }
    orders(first: 100) { nodes { id } } }`;
  const seen = async (bearer: string) => (await gateway.request(list, { headers: bearing(bearer) })).data;
  const [byKey, byToken, byAll] = [await seen(mine), await seen(token), await seen(all)];
  expect(byKey).toEqual(byToken);
  expect(byKey.customers.nodes.length).toBeGreaterThan(0);
  expect([byKey.viewer.ownerId, byAll.viewer.ownerId]).toEqual([ONE, null]);
  expect(byAll.customers.totalCount).toBe(40);
  const owners = byKey.customers.nodes.map(({ owner }: { owner: { id: string } }) => owner.id);
  expect(new Set(owners)).toEqual(new Set([ONE]));
  const write = `mutation { createCustomer(input: { name: "Given", ownerId: "${TWO}" }) { userErrors { code } } }`;
  const { data } = await gateway.request(write, { headers: bearing(mine) });
  expect(data.createCustomer.userErrors).toEqual([{ code: 'INVALID_INPUT' }]);
  const shown = await said('list');
  expect(shown).toMatch(new RegExp(`^1 .* crm:read,crm:write +${ONE} +x$`, 'm'));
  expect(shown).toMatch(/^2 .* crm:read,crm:write +all +x$/m);
});

test('an API key is not made for an agent who does not exist', async () => {
  const before = await said('list');
  const gone = nodeId('Agent', 999_999);
  await expect(said('create', { owner: gone })).rejects.toThrow(`--owner: there is no agent with the id ${gone}`);
  expect(await said('list')).toBe(before);
});

test('idempotency keys are apart for each claim "owner", with a subject and without', async () => {
  const asked = async (claims: object) => {
    const write = `mutation { createCustomer(input: { name: "Ada", idempotencyKey: "1" }) {
      customer { id } userErrors { code } } }`;
    const headers = bearing(await tokenOf({ scope: SCOPES, ...claims }));
    const { customer, userErrors } = (await gateway.request(write, { headers })).data.createCustomer;
    expect(userErrors).toEqual([]);
    return String(customer.id);
  };
  const longest = 'x'.repeat(200);
  const callers: object[] = [undefined, 'ada', `${longest.slice(1)}y`, longest].flatMap((sub) =>
    [{}, { owner: ONE }, { owner: TWO }].map((owner) => ({ sub, ...owner })),
  );
  const first: string[] = [];
  for (const caller of callers) first.push(await asked(caller));
  expect(new Set(first).size).toBe(callers.length);
  // Each gets its own outcome again.
  for (const [i, caller] of callers.entries()) expect(await asked(caller)).toBe(first[i]);
  // The longest agent's id fits, too.
  await withConnection(database.url, (connection) =>
    connection.query("INSERT INTO agents (id, name, updated_at) VALUES (9223372036854775807, 'Last', UTC_TIMESTAMP())"),
  );
  const last = { sub: longest, owner: nodeId('Agent', '9223372036854775807') };
  expect(await asked(last)).toBe(await asked(last));
});
