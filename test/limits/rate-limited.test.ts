import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { basename } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { makeApiKey } from '../../src/access/api-key.ts';
import { bearing, BY_SECRET, inSeconds, tokenOf } from '../access/tokens.ts';
import { CHANGED, subscribe } from '../subscriptions/event-reader.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { orGiveUp, until } from '../support/patience.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';

/** Costs 101: more than the limit, so that it takes everything, and nothing comes back but a sixtieth each second. */
const COUNT = '{ customers { totalCount } }';
const SETTINGS = { ...PATIENT, LIMIT_COST_PER_MINUTE: '100' };

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function start(
  settings: Readonly<Record<string, string>>,
  { cached = false, to }: { cached?: boolean; to?: TestDatabase } = {},
) {
  const database = to ?? (await createDatabase());
  const gateway = await startGateway({
    databaseUrl: database.url,
    // Buckets of their own, since the addresses are always the same.
    settings: { ...SETTINGS, CACHE_PREFIX: `${basename(database.url)}:`, ...settings },
    ...(cached ? { redisUrl: redisUrl() } : {}),
  });
  open.push(gateway);
  if (to === undefined) open.push({ close: () => database.drop() });
  if (cached) await untilRedisUp(gateway);
  return { gateway, database };
}

interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: {
    readonly data?: unknown;
    readonly errors?: readonly { readonly message: string; readonly extensions: object }[];
  };
}

/** Sends a query from an address of this machine. */
const ask = (
  { url }: TestGateway,
  query: string,
  { from = '127.0.0.1', headers = {} }: { from?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> =>
  orGiveUp(
    'a response',
    new Promise((resolve, reject) => {
      const sent = request(`${url}/graphql`, {
        method: 'POST',
        localAddress: from,
        agent: false,
        headers: { 'content-type': 'application/json', ...headers },
      });
      sent.on('error', reject);
      sent.on('response', (response) => {
        const { statusCode: status = 0, headers: got } = response;
        resolve(json(response).then((body) => ({ status, headers: got, body: body as Response['body'] })));
      });
      sent.end(JSON.stringify({ query }));
    }),
  );

describe('a client that has spent its cost per minute', () => {
  test.each(['application/json', 'application/graphql-response+json', 'text/event-stream'])(
    'gets 429 with the time to wait, if it accepts %s',
    async (accept) => {
      const { gateway } = await start({});
      expect((await ask(gateway, COUNT)).status).toBe(200);
      const { status, headers, body } = await ask(gateway, COUNT, { headers: { accept } });
      const seconds = Number(headers['retry-after']);
      expect({ status, body }).toEqual({
        status: 429,
        body: {
          errors: [
            {
              message: expect.stringMatching(
                `^Expected a cost of at most \\d+, which is left of 100 per minute, got \\d+: send it again in ${seconds} s\\.$`,
              ),
              extensions: { code: 'RATE_LIMITED', retryAfter: seconds },
            },
          ],
        },
      });
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(60);
      expect(await gateway.metric('concierge_http_requests_refused_total')).toBe(1);
      expect(await gateway.statementsOf(() => ask(gateway, COUNT))).toEqual(new Map());
    },
  );

  test('gets it for a mutation, which writes nothing', async () => {
    const { gateway } = await start({});
    await ask(gateway, COUNT);
    const create = 'mutation { createCustomer(input: { name: "Ada" }) { customer { name } } }';
    expect((await ask(gateway, create)).status).toBe(429);
    const { body } = await ask(gateway, '{ customers { nodes { name } } }', { from: '127.0.0.2' });
    expect(body.data).toEqual({ customers: { nodes: [] } });
  });

  test('is everybody without a name at one address', async () => {
    const { gateway } = await start({});
    expect((await ask(gateway, COUNT, { from: '127.0.0.2' })).status).toBe(200);
    expect((await ask(gateway, COUNT, { from: '127.0.0.2' })).status).toBe(429);
    expect((await ask(gateway, COUNT, { from: '127.0.0.3' })).status).toBe(200);
  });

  test('is a caller with a name at any address', async () => {
    const { gateway } = await start(BY_SECRET);
    const [ada, eve] = await Promise.all(
      ['ada', 'eve'].map(async (sub) => bearing(await tokenOf({ sub, scope: 'crm:read' }))),
    );
    expect((await ask(gateway, COUNT, { from: '127.0.0.2', headers: ada ?? {} })).status).toBe(200);
    expect((await ask(gateway, COUNT, { from: '127.0.0.3', headers: ada ?? {} })).status).toBe(429);
    expect((await ask(gateway, COUNT, { from: '127.0.0.3', headers: eve ?? {} })).status).toBe(200);
  });

  test('is limited by all gateways', async () => {
    const { gateway, database } = await start({}, { cached: true });
    const { gateway: other } = await start({}, { cached: true, to: database });
    expect((await ask(gateway, COUNT, { from: '127.0.0.2' })).status).toBe(200);
    // Not what the other gateway has stored.
    expect((await ask(other, '{ products { totalCount } }', { from: '127.0.0.2' })).status).toBe(429);
    expect((await ask(other, COUNT, { from: '127.0.0.3' })).status).toBe(200);
  });
});

describe('a network whose token was refused', () => {
  const CHEAP = '{ viewer { scopes } }';
  /** The statuses of two requests with tokens that are refused: the first one takes everything. */
  const refusedTwice = async (gateway: TestGateway, wrong: () => string | Promise<string>) => {
    const first = await ask(gateway, CHEAP, { headers: bearing(await wrong()) });
    const second = await ask(gateway, CHEAP, { headers: bearing(await wrong()) });
    expect([first.status, second.status]).toEqual([401, 429]);
    const [error] = second.body.errors ?? [];
    expect(error?.extensions).toEqual({ code: 'RATE_LIMITED' });
    expect(error?.message).toMatch(/^Expected a valid bearer token, got one of many from this network that are not/);
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(0);
  };

  test('gets 429 for others, and valid ones are accepted', async () => {
    const { gateway } = await start(BY_SECRET);
    const key = createSecretKey(randomBytes(64));
    await refusedTwice(gateway, () => tokenOf({ sub: randomUUID() }, { key }));
    const headers = bearing(await tokenOf({ sub: 'ada', scope: 'crm:read' }));
    expect((await ask(gateway, CHEAP, { headers })).status).toBe(200);
    const nameless = bearing(await tokenOf({ sub: undefined, scope: 'crm:read' }));
    expect((await ask(gateway, CHEAP, { headers: nameless })).status).toBe(200);
    const other = bearing(await tokenOf({ sub: randomUUID() }, { key }));
    expect((await ask(gateway, CHEAP, { headers: other, from: '127.0.0.2' })).status).toBe(401);
    expect(await gateway.metric('concierge_tokens_refused_total')).toBe(3);
    // Whoever has had one is told what is wrong with it.
    for (const claims of [{ exp: inSeconds(-60) }, { nbf: inSeconds(60) }, { aud: 'another' }, { iss: 'another' }])
      expect((await ask(gateway, CHEAP, { headers: bearing(await tokenOf(claims)) })).status).toBe(401);
  });

  test('gets 429 for other API keys', async () => {
    const { gateway } = await start({ AUTH_API_KEYS: 'true' });
    await refusedTwice(gateway, makeApiKey);
  });
});

test('a subscription gets its events nevertheless', async () => {
  const { gateway } = await start({});
  const created = await ask(gateway, 'mutation { createCustomer(input: { name: "Ada" }) { customer { id } } }', {
    from: '127.0.0.2',
  });
  const { id } = (created.body.data as { createCustomer: { customer: { id: string } } }).createCustomer.customer;
  const stream = await subscribe(gateway.url, CHANGED, { variables: { id } });
  try {
    expect((await stream.next()).data.data.customerChanged.name).toBe('Ada');
    await ask(gateway, COUNT);
    await until(
      'nothing to be left',
      () => ask(gateway, COUNT),
      ({ status }) => status === 429,
    );
    const update = `mutation { updateCustomer(input: { id: "${id}", name: "Eve" }) { userErrors { code } } }`;
    expect((await ask(gateway, update, { from: '127.0.0.2' })).status).toBe(200);
    expect((await stream.next()).data.data.customerChanged.name).toBe('Eve');
  } finally {
    stream.close();
  }
});

test('what was not used is given back', async () => {
  const { gateway } = await start({ LIMIT_COST_PER_MINUTE: '10000' });
  // Costs more than half of the limit, but there are no customers.
  const large = '{ customers(first: 100) { nodes { orders(first: 60) { nodes { number } } } } }';
  for (let i = 0; i < 20; i += 1) expect((await ask(gateway, large)).status).toBe(200);
});

test('a request that is refused costs 1, and so does one that is answered from the cache', async () => {
  const { gateway } = await start({ LIMIT_COST_PER_MINUTE: '3' }, { cached: true });
  expect((await ask(gateway, '{ nothing }', { from: '127.0.0.2' })).status).toBe(200);
  const cached = '{ agents(first: 1) { nodes { name } } }';
  expect((await ask(gateway, cached, { from: '127.0.0.3' })).status).toBe(200);
  for (const from of ['127.0.0.2', '127.0.0.4'])
    await until(
      'so many requests that nothing is left',
      () => ask(gateway, from === '127.0.0.2' ? '{ nothing }' : cached, { from }),
      ({ status }) => status === 429,
    );
});

test('a caller can see what is left', async () => {
  const { gateway } = await start({ LIMIT_COST_PER_MINUTE: '1000' });
  const query = '{ viewer { rateLimit { limit remaining resetAt } } }';
  const before = Date.now();
  await ask(gateway, '{ customers { totalCount } }');
  const { viewer } = await gateway.data(query);
  expect(viewer.rateLimit.limit).toBe(1_000);
  expect(viewer.rateLimit.remaining).toBeLessThanOrEqual(1_000);
  const resetMs = Date.parse(viewer.rateLimit.resetAt);
  expect(resetMs).toBeGreaterThanOrEqual(before);
  // About when what is missing has come back.
  const missingMs = (60_000 * (1_000 - viewer.rateLimit.remaining)) / 1_000;
  expect(resetMs - missingMs).toBeLessThanOrEqual(Date.now());
});

test('and null where there is no limit', async () => {
  const { gateway } = await start({ LIMIT_COST_PER_MINUTE: '0' });
  expect(await gateway.data('{ viewer { rateLimit { limit } } }')).toEqual({ viewer: { rateLimit: null } });
});
