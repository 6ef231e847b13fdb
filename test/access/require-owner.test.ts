import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { parseApiKeyAction, runApiKeys } from '../../src/cli/api-keys.ts';
import { captureCli } from '../cli/captured-cli.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

const SCOPES = 'crm:read crm:write crm:pii crm:explore';
const QUERY = '{ customers(first: 2) { nodes { id } } }';
const CHANGED = `subscription { customerChanged(id: "${nodeId('Customer', 1)}") { name } }`;
const MESSAGE = 'Expected a valid bearer token, got one without the claim "owner", which this gateway requires.';

let servers: OwnServers;
/** Both share their cache and documents. Only one of them requires the claim. */
let gateway: TestGateway;
let lenient: TestGateway;
beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 20, ordersPerCustomer: 1, seed: 1 });
  const start = (settings: Readonly<Record<string, string>>) =>
    startGateway({
      databaseUrl: servers.database.url,
      redisUrl: servers.redis.url,
      settings: { ...PATIENT, ...BY_SECRET, AUTH_API_KEYS: 'true', AUTH_EXPLORE: 'scope', ...settings },
    });
  gateway = await start({ AUTH_REQUIRE_OWNER: 'true' });
  lenient = await start({});
  await untilRedisUp(gateway, lenient);
});
afterAll(async () => {
  await gateway.close();
  await lenient.close();
  await servers.close();
});

const hash = createHash('sha256').update(QUERY).digest('hex');
const extensions = { persistedQuery: { version: 1, sha256Hash: hash } };
const json = { 'content-type': 'application/json' };
const post = (body: object, headers: Readonly<Record<string, string>> = {}) => ({
  path: '/graphql',
  init: { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) },
});
const get = (path: string, accept: string) => ({ path, init: { headers: { accept } } });

/** Every way to ask. */
const WAYS = {
  'a query by POST': post({ query: QUERY }),
  'a query by GET': get(`/graphql?${new URLSearchParams({ query: QUERY })}`, 'application/json'),
  'a persisted query': post({ query: QUERY, extensions }),
  'a persisted query by its hash': post({ extensions }),
  'a query as an event stream': post({ query: QUERY }, { accept: 'text/event-stream' }),
  'a mutation': post({ query: 'mutation { createCustomer(input: { name: "Ada" }) { customer { id } } }' }),
  'a subscription': post({ query: CHANGED }, { accept: 'text/event-stream' }),
  'the schema': get('/schema.graphql', '*/*'),
  'the page of GraphiQL': get('/graphql', 'text/html'),
} as const;

async function statusOf(of: TestGateway, { path, init }: (typeof WAYS)[keyof typeof WAYS], token: string) {
  const controller = new AbortController();
  const headers = { ...init.headers, ...bearing(token) };
  const response = await fetch(of.url + path, { ...init, headers, signal: controller.signal });
  // A subscription would go on.
  const text = response.status === 200 ? '' : await response.text();
  controller.abort();
  return [response.status, text === '' ? undefined : JSON.parse(text).errors[0]];
}

test.each(Object.entries(WAYS))(
  '%s is refused to a token without the claim, however often it was answered',
  async (_, way) => {
    const [without, own] = [
      await tokenOf({ scope: SCOPES }),
      await tokenOf({ scope: SCOPES, owner: nodeId('Agent', 1) }),
    ];
    const refused = [403, { message: MESSAGE, extensions: { code: 'FORBIDDEN' } }];
    for (let i = 0; i < 3; i += 1) {
      expect(await statusOf(lenient, way, without)).toEqual([200, undefined]);
      expect(await statusOf(gateway, way, without)).toEqual(refused);
      expect(await statusOf(gateway, way, own)).toEqual([200, undefined]);
    }
  },
);

test('a response that is cached for those who see all customers is refused, too, and the log says why', async () => {
  const token = await tokenOf({ scope: SCOPES });
  await until(
    'a response from the cache',
    async () => (await lenient.request(QUERY, { headers: bearing(token) })).headers.get('x-cache'),
    (found) => found === 'HIT',
  );
  const { status, data, headers } = await gateway.request(QUERY, { headers: bearing(token) });
  expect([status, data, headers.get('www-authenticate')]).toEqual([403, undefined, null]);
  expect(gateway.logLines.filter((line) => line.includes('"reason":"ownerMissing"'))).toHaveLength(1);
});

test('an API key needs no owner, since somebody has made it so', async () => {
  const { cli, output } = captureCli();
  const action = parseApiKeyAction('create', undefined, { name: 'export', scopes: 'crm:read', expires: '1d' });
  await runApiKeys(action, cli, servers.database.url);
  const { data } = await gateway.request(QUERY, { headers: bearing(/concierge_\w+/.exec(output())?.[0] ?? '') });
  expect(data.customers.nodes).toHaveLength(2);
});
