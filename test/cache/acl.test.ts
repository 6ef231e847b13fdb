import { readFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createOutsideInvalidation } from '../../src/cache/outside-invalidation.ts';
import { parseApiKeyAction, runApiKeys } from '../../src/cli/api-keys.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { bearing } from '../access/tokens.ts';
import { captureCli } from '../cli/captured-cli.ts';
import { CHANGED, subscribe } from '../subscriptions/event-reader.ts';
import { PATIENT, readinessOf, startGateway, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { PATIENCE_MS, until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';

/** The user as the documentation gives it. */
const [, , USER = '', ...RULES] = (
  /^ACL SETUSER .*$/m.exec(readFileSync(join(import.meta.dirname, '../../docs/cache.md'), 'utf8'))?.[0] ?? ''
).split(' ');
const COMMANDS = RULES.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1));
const PASSWORD = 'of a test';
const PREFIX = 'concierge:';

let servers: OwnServers;
let control: Redis;
let urlOfUser: string;
let headers: Readonly<Record<string, string>>;
const gateways: TestGateway[] = [];
beforeAll(async () => {
  servers = await startOwnServers();
  const { database, redis } = servers;
  await seedDatabase({ databaseUrl: database.url, customers: 3, ordersPerCustomer: 1, seed: 1 });
  const { cli, output } = captureCli();
  const key = { name: 'of a test', scopes: 'crm:read,crm:write,crm:pii', expires: '90d' };
  await runApiKeys(parseApiKeyAction('create', undefined, key), cli, database.url);
  headers = bearing(/concierge_\w+/.exec(output())?.[0] ?? '');
  control = new Redis(redis.url);
  await control.acl('SETUSER', USER, ...RULES.map((rule) => rule.replace('>PASSWORD', `>${PASSWORD}`)));
  await control.config('RESETSTAT');
  urlOfUser = Object.assign(new URL(redis.url), { username: USER, password: encodeURIComponent(PASSWORD) }).href;
  const settings = { ...PATIENT, AUTH_API_KEYS: 'true', LIMIT_COST_PER_MINUTE: '1000000' };
  for (const _ of [1, 2])
    gateways.push(await startGateway({ databaseUrl: database.url, redisUrl: urlOfUser, settings }));
  await untilRedisUp(...gateways);
});
afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close()));
  control.disconnect();
  await servers.close();
});

const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';
const CREATE = 'mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { customer { id } } }';
const nameOf = (number: number) => `{ customer(by: {id: "${nodeId('Customer', number)}"}) { name } }`;

const only = (number: number): TestGateway => {
  const gateway = gateways[number];
  if (gateway === undefined) throw new Error('not started');
  return gateway;
};

const rename = async (to: TestGateway, number: number, name: string) => {
  const answer = await to.request(UPDATE, { headers, variables: { input: { id: nodeId('Customer', number), name } } });
  expect([answer.errors, answer.data?.updateCustomer.userErrors]).toEqual([[], []]);
};

const untilCached = (of: TestGateway, query: string, more: Readonly<Record<string, string>> = {}) =>
  until(
    'a hit',
    () => of.request(query, { headers: { ...headers, ...more } }),
    ({ headers: got }) => got.get('x-cache') === 'HIT',
  );

/** Who was refused what, as far as that was not a test. */
const refused = async () => {
  const entries = (await control.acl('LOG')) as readonly (readonly unknown[])[];
  return entries.map((fields) => {
    const at = (name: string) => fields[fields.indexOf(name) + 1];
    return `${String(at('reason'))} ${String(at('object'))} in ${String(at('context'))}`;
  });
};

const READS = {
  'a miss, a hit, another encoding, and a hit in memory': async () => {
    const [a, b] = [only(0), only(1)];
    await untilCached(a, nameOf(1));
    await untilCached(b, nameOf(1), { 'accept-encoding': 'br' });
    await until('a hit in memory', async () => {
      await untilCached(b, nameOf(1));
      return b.metric('concierge_cache_near_hits_total');
    });
  },
  'a document by its hash': async () => {
    const query = nameOf(2);
    const extensions = { persistedQuery: { version: 1, sha256Hash: hash('sha256', query) } };
    const send = async (to: TestGateway, body: object) => {
      const sent = { ...headers, 'content-type': 'application/json' };
      const response = await fetch(`${to.url}/graphql`, { method: 'POST', headers: sent, body: JSON.stringify(body) });
      return (await response.json()) as { readonly data?: object };
    };
    expect((await send(only(0), { query, extensions })).data).toBeDefined();
    await until('the document', async () => (await send(only(1), { extensions })).data);
  },
  'a response that is not stored': async () => {
    const failing = `{ customer(by: {id: "${nodeId('Customer', 1)}"}) { orders(first: 1, after: "none") { nodes { id } } } }`;
    expect((await only(0).request(failing, { headers })).errors).not.toEqual([]);
  },
};

const WRITES = {
  'a write that another gateway acknowledges': async () => {
    const [a, b] = [only(0), only(1)];
    await until('an acknowledgement', async () => {
      await untilCached(b, nameOf(1));
      await rename(a, 1, 'Ada');
      return a.metric('concierge_cache_near_waits_total{outcome="acknowledged"}');
    });
    expect((await b.request(nameOf(1), { headers })).data.customer.name).toBe('Ada');
  },
  'a gateway that has ended': async () => {
    // A command that gateways do not use, so that it does not count as theirs.
    await control.hmset(`${PREFIX}near`, 'ended', '1');
    await rename(only(0), 1, 'Grace');
    await until('its entry to be removed', async () => (await control.hexists(`${PREFIX}near`, 'ended')) === 0);
  },
  'a write that is repeated with its key': async () => {
    const input = { name: 'Once', idempotencyKey: 'of a test' };
    const answers = [];
    for (const gateway of gateways)
      answers.push((await gateway.request(CREATE, { headers, variables: { input } })).data);
    expect(answers[0]?.createCustomer.customer.id).toEqual(expect.any(String));
    expect(answers[1]).toEqual(answers[0]);
  },
  subscriptions: async () => {
    const [a, b] = [only(0), only(1)];
    const ids = [1, 2].map((number) => nodeId('Customer', number));
    const streams = await Promise.all(ids.map((id) => subscribe(b.url, CHANGED, { headers, variables: { id } })));
    try {
      for (const stream of streams) await stream.next();
      await rename(a, 1, 'Told');
      expect((await streams[0]?.next())?.data.data.customerChanged.name).toBe('Told');
      streams[0]?.close();
      const channels = () => control.pubsub('CHANNELS', `${PREFIX}*`);
      const before = await channels();
      await until('the channel to be left', channels, (now) => now.length < before.length);
    } finally {
      for (const stream of streams) stream.close();
    }
  },
  'a write when Redis is full': async () => {
    await control.config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1');
    await rename(only(0), 1, 'Full');
    await control.config('SET', 'maxmemory', '0');
    // It counts as full until something is stored.
    for (const [i, gateway] of gateways.entries()) await untilCached(gateway, nameOf(i + 1));
    await untilRedisUp(...gateways);
  },
  'a program that makes everything stale': async () => {
    const outside = createOutsideInvalidation({ urls: [urlOfUser], prefix: PREFIX, timeoutMs: PATIENCE_MS });
    expect(await outside.invalidateAll()).toBeUndefined();
    outside.close();
  },
  'the number of a database': async () => {
    await control.acl('SETUSER', USER, '+select');
    const settings = { ...PATIENT, AUTH_API_KEYS: 'true' };
    const gateway = await startGateway({ databaseUrl: servers.database.url, redisUrl: `${urlOfUser}/3`, settings });
    gateways.push(gateway);
    await untilRedisUp(gateway);
    await untilCached(gateway, nameOf(1));
  },
};

test.each(Object.entries({ ...READS, ...WRITES }))(
  'the user in the documentation may do what %s needs',
  async (_, work) => {
    await work();
    expect(await refused()).toEqual([]);
    for (const gateway of gateways) {
      expect((await readinessOf(gateway)).dependencies.redis).toBe('up');
      expect(await gateway.metric('concierge_redis_state{state="up"}')).toBe(1);
      const text = await (await fetch(`${gateway.url}/metrics`)).text();
      expect(text.split('\n').filter((line) => line.includes('NOPERM'))).toEqual([]);
    }
  },
);

test('none of its commands is given in vain: each was run', async () => {
  const ran = [...(await control.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  const names = new Set(ran.map(([, name = '']) => name.replace('|', ' ')));
  expect(COMMANDS.filter((command) => !names.has(command))).toEqual([]);
});
