import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseApiKeyAction, runApiKeys, type ApiKeyOptions } from '../../src/cli/api-keys.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { captureCli } from '../cli/captured-cli.ts';
import { PATIENT_WITH_DATABASE, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { bearing } from './tokens.ts';

const LIST = '{ customers(first: 3) { nodes { name email } } }';

let servers: OwnServers;
let gateways: readonly TestGateway[];
beforeAll(async () => {
  servers = await startOwnServers();
  const [databaseUrl, redisUrl] = [servers.database.url, servers.redis.url];
  await seedDatabase({ databaseUrl, customers: 5, ordersPerCustomer: 1, seed: 1 });
  const settings = { ...PATIENT_WITH_DATABASE, AUTH_API_KEYS: 'true' };
  gateways = [
    await startGateway({ databaseUrl, redisUrl, settings }),
    await startGateway({ databaseUrl, redisUrl, settings }),
  ];
  await untilRedisUp(...gateways);
});
afterAll(async () => {
  for (const gateway of gateways) await gateway.close();
  await servers.close();
});

/** What the command prints. */
async function said(action: string, id?: string, options: ApiKeyOptions = {}): Promise<string> {
  const { cli, output } = captureCli();
  await runApiKeys(parseApiKeyAction(action, id, options), cli, servers.database.url);
  return output();
}

async function createdKey(name: string): Promise<{ readonly key: string; readonly id: string }> {
  const text = await said('create', undefined, { name, scopes: 'crm:read,crm:pii', expires: '1d' });
  return { key: /concierge_\w+/.exec(text)?.[0] ?? '', id: /Key (\d+)/.exec(text)?.[1] ?? '' };
}

const lookups = (gateway: TestGateway) => gateway.metric('concierge_api_key_lookups_total');
const knownRequests = (gateway: TestGateway) => gateway.metric('concierge_http_known_requests_total');
let sent = 0;
/** For a request whose response is cached, and for one that nobody has sent before. */
const KINDS = [() => LIST, () => `query Q${(sent += 1)} ${LIST}`] as const;

async function got(key: string, gateway: TestGateway, query: string) {
  const { status, errors, data, headers } = await gateway.request(query, { headers: bearing(key) });
  return { status, code: errors[0]?.extensions.code, data, result: headers.get('x-cache') };
}

const REFUSED = { status: 401, code: 'UNAUTHENTICATED', data: undefined, result: null };

/**
 * A gateway accepts a key until it looks it up again, which it does when a request comes and the last look-up is a second old: the tests
 * of look-ups count that. So no clock is needed here: what is still accepted was not looked up, and the first look-up refuses.
 */
async function refusesAtFirstLookup(key: string, gateway: TestGateway, before: number): Promise<void> {
  let turn = 0;
  const first = await until(
    'the key to be looked up again',
    async () => {
      const { status } = await got(key, gateway, KINDS[(turn += 1) % 2 === 0 ? 0 : 1]());
      return { status, lookedUp: (await lookups(gateway)) - before };
    },
    ({ status, lookedUp }) => lookedUp > 0 || status !== 200,
  );
  expect(first).toEqual({ status: 401, lookedUp: 1 });
  for (const query of [...KINDS, ...KINDS]) expect(await got(key, gateway, query())).toEqual(REFUSED);
}

/** Has the key revoked when all gateways accept it. */
async function expectRevocation({ key, id }: { readonly key: string; readonly id: string }): Promise<void> {
  await said('revoke', id);
  // Nothing is under way that was looked up before.
  const counts = await Promise.all(gateways.map(lookups));
  await Promise.all(gateways.map((gateway, i) => refusesAtFirstLookup(key, gateway, counts[i] ?? 0)));
}

test('a key that two gateways have accepted, also for what is cached, is refused by each as soon as it looks', async () => {
  const created = await createdKey('cached');
  for (const gateway of gateways) {
    const before = await knownRequests(gateway);
    await until(
      'requests to be answered without being parsed',
      async () => ({ ...(await got(created.key, gateway, LIST)), known: (await knownRequests(gateway)) - before }),
      ({ status, result, known }) => status === 200 && result === 'HIT' && known > 0,
    );
  }
  await expectRevocation(created);
});

test('a key that is revoked while Redis is down is refused by each as soon as it looks, too', async () => {
  const created = await createdKey('without Redis');
  await servers.redis.kill();
  for (const gateway of gateways)
    await until(
      'an answer without Redis',
      () => got(created.key, gateway, LIST),
      ({ status, result }) => status === 200 && result !== 'HIT',
    );
  await expectRevocation(created);
  await servers.redis.start();
  await untilRedisUp(...gateways);
});
