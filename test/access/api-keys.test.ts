import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createApiKeyCallers, type StoredApiKey } from '../../src/access/api-key-callers.ts';
import { apiKeyHash, isApiKey, makeApiKey } from '../../src/access/api-key.ts';
import { parseApiKeyAction, runApiKeys, type ApiKeyOptions } from '../../src/cli/api-keys.ts';
import { findApiKey } from '../../src/db/api-keys.ts';
import type { RawRow } from '../../src/db/database.ts';
import { createError } from '../../src/errors.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { captureCli } from '../cli/captured-cli.ts';
import { startCuttingProxy } from '../faults/cutting-proxy.ts';
import { subscribe } from '../subscriptions/event-reader.ts';
import { BRIEF_DATABASE_WAIT, PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, redisUrl, withConnection, type TestDatabase } from '../support/servers.ts';
import { bearing, BY_SECRET, tokenOf } from './tokens.ts';

const VIEWER = '{ viewer { subject scopes } }';
const GOT = 'Expected a valid bearer token, got';

let database: TestDatabase;
/** One with tokens too, and one with API keys alone. */
let gateway: TestGateway;
let withKeysAlone: TestGateway;
beforeAll(async () => {
  database = await createDatabase();
  const start = (settings: Readonly<Record<string, string>>) =>
    startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...settings, AUTH_API_KEYS: 'true' } });
  gateway = await start(BY_SECRET);
  withKeysAlone = await start({ AUTH_EXPLORE: 'scope' });
});
afterAll(async () => {
  await gateway.close();
  await withKeysAlone.close();
  await database.drop();
});

/** What the command prints. */
async function said(action: string, id?: string, options: ApiKeyOptions = {}): Promise<string> {
  const { cli, output } = captureCli();
  await runApiKeys(parseApiKeyAction(action, id, options), cli, database.url);
  return output();
}

/** A new key, and its id. */
async function created(name: string, scopes = 'crm:read,crm:write'): Promise<{ key: string; id: string }> {
  const text = await said('create', undefined, { name, scopes, expires: '90d' });
  return { key: /concierge_\w+/.exec(text)?.[0] ?? '', id: /Key (\d+)/.exec(text)?.[1] ?? '' };
}

const asked = async (key: string, query = VIEWER, to = gateway) => {
  const { status, data, errors, headers } = await to.request(query, { headers: bearing(key) });
  return { status, data, message: errors[0]?.message, challenge: headers.get('www-authenticate') };
};

test('a key says who calls and with which scopes, with tokens beside it and without', async () => {
  const { key, id } = await created('nightly export', 'crm:write,crm:read');
  const viewer = { subject: `api-key:${id}:nightly export`, scopes: ['crm:read', 'crm:write'] };
  for (const to of [gateway, withKeysAlone])
    expect(await asked(key, VIEWER, to)).toMatchObject({ status: 200, data: { viewer } });
  const token = await tokenOf({ scope: 'crm:read' });
  expect((await asked(token)).status).toBe(200);
  expect(await asked(token, VIEWER, withKeysAlone)).toMatchObject({
    status: 401,
    message: `${GOT} something that is not an API key.`,
  });
  expect((await withKeysAlone.request(VIEWER)).status).toBe(401);
});

test('a key is refused as a key where keys are not accepted, whether it exists or not', async () => {
  const { key } = await created('elsewhere');
  const withTokensAlone = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...BY_SECRET } });
  try {
    for (const text of [key, makeApiKey(), 'concierge_'])
      expect(await asked(text, VIEWER, withTokensAlone)).toMatchObject({
        status: 401,
        message: `${GOT} an API key, where API keys are not accepted.`,
      });
  } finally {
    await withTokensAlone.close();
  }
});

test.each([
  [{}, true],
  [{ AUTH_API_KEYS: 'false' }, true],
  [{ AUTH_API_KEYS: 'true' }, false],
])('the command with the settings %j says besides the key whether gateways need another one', async (env, says) => {
  const [told, erred] = [captureCli(), captureCli()];
  const cli = { ...told.cli, env, stderr: erred.cli.stderr };
  const options = { name: 'said', scopes: 'crm:read', expires: '1d' };
  expect(await runApiKeys(parseApiKeyAction('create', undefined, options), cli, database.url)).toBe(0);
  expect(told.output()).toMatch(/^concierge_[0-9a-f]{72}\n$/);
  expect(erred.output().includes('AUTH_API_KEYS=true')).toBe(says);
});

test('a key is stored as a hash alone, and the list shows everything else', async () => {
  const { key, id } = await created('listed', 'crm:pii');
  const [row] = await withConnection(database.url, (connection) =>
    connection.query<Record<string, unknown>[]>('SELECT * FROM api_keys WHERE id = ?', [id]),
  );
  expect(row?.['secret_hash']).toBe(apiKeyHash(key));
  expect(JSON.stringify(Object.values(row ?? {}), (_, value) => String(value))).not.toContain(key.slice(10, 30));
  const list = await said('list');
  expect(list).toMatch(/^ID +STATE +CREATED \(UTC\) +EXPIRES \(UTC\) /);
  expect(list).toMatch(new RegExp(`^${id} +valid +\\S+ +\\S+ +crm:pii +all +listed$`, 'm'));
  expect(list).not.toMatch(/[0-9a-f]{30}/);
});

test('a key that is wrong, unknown, expired or revoked is refused everywhere, with its kind of reason alone', async () => {
  const [revoked, expired] = [await created('revoked'), await created('expired')];
  for (const to of [gateway, withKeysAlone]) expect((await asked(revoked.key, VIEWER, to)).status).toBe(200);
  await said('revoke', revoked.id);
  await withConnection(database.url, (connection) =>
    connection.query('UPDATE api_keys SET expires_at = ? WHERE id = ?', ['2020-01-01', expired.id]),
  );
  for (const to of [gateway, withKeysAlone])
    await until(
      'the key to be refused',
      () => asked(revoked.key, VIEWER, to),
      ({ status }) => status === 401,
    );
  const digit = revoked.key.at(-1) === '0' ? '1' : '0';
  for (const [key, reason] of [
    [revoked.key, 'an API key that is revoked'],
    [expired.key, 'an API key that has expired'],
    [makeApiKey(), 'an API key that does not exist'],
    [`${revoked.key.slice(0, -1)}${digit}`, 'an API key that is misspelt or cut off'],
    [revoked.key.slice(0, -1), 'an API key that is misspelt or cut off'],
    ['concierge_', 'an API key that is misspelt or cut off'],
  ] as const)
    expect(await asked(key)).toEqual({
      status: 401,
      data: undefined,
      message: `${GOT} ${reason}.`,
      challenge: `Bearer realm="concierge", error="invalid_token", error_description="${GOT} ${reason}."`,
    });
  expect(await said('list')).toMatch(new RegExp(`^${revoked.id} +revoked .*\n${expired.id} +expired `, 'm'));
  await expect(said('revoke', revoked.id)).rejects.toThrow(`There is no key ${revoked.id}, or it is revoked already`);
});

test('the history of changes shows the key, and each key has idempotency keys of its own', async () => {
  const keys = [await created('one'), await created('two')];
  const mutation = `mutation { createCustomer(input: { name: "Ada", idempotencyKey: "1" }) {
    customer { id changes { nodes { actor } } } } }`;
  const made = await Promise.all(
    keys.map(async ({ key }) => (await asked(key, mutation)).data.createCustomer.customer),
  );
  expect(made.map(({ changes }) => changes.nodes[0].actor)).toEqual(
    keys.map(({ id }, i) => `api-key:${id}:${i === 0 ? 'one' : 'two'}`),
  );
  expect(made[0].id).not.toBe(made[1].id);
  // A token cannot pass itself off as a key.
  for (const sub of [`api-key:${keys[0]?.id}:one`, 'API-KEY:1'])
    expect((await asked(await tokenOf({ sub, scope: 'crm:read' }))).status).toBe(401);
});

test('the subscription of a revoked key ends at the next event, without its data', async () => {
  const [watching, writing] = [await created('watching'), await created('writing')];
  const { id } = (await asked(writing.key, 'mutation { createCustomer(input: { name: "B" }) { customer { id } } }'))
    .data.createCustomer.customer;
  const query = 'subscription($id: ID!) { customerChanged(id: $id) { name } }';
  const events = await subscribe(gateway.url, query, { variables: { id }, headers: bearing(watching.key) });
  expect((await events.next()).data.data.customerChanged).toEqual({ name: 'B' });
  await said('revoke', watching.id);
  await until(
    'the key to be refused',
    () => asked(watching.key),
    ({ status }) => status === 401,
  );
  await asked(writing.key, `mutation { updateCustomer(input: { id: "${id}", name: "C" }) { customer { id } } }`);
  const { data } = await events.next();
  expect([data.data, data.errors[0].extensions.code]).toEqual([undefined, 'UNAUTHENTICATED']);
  expect((await events.next()).event).toBe('complete');
});

test('a key is not accepted while the database is away, also for what is cached, and is as soon as it is back', async () => {
  const { key } = await created('patient');
  const proxy = await startCuttingProxy(Number(new URL(database.url).port));
  const databaseUrl = Object.assign(new URL(database.url), { port: String(proxy.port) }).href;
  const settings = { ...PATIENT, ...BRIEF_DATABASE_WAIT, AUTH_API_KEYS: 'true', CACHE_PREFIX: `keys:${process.pid}:` };
  const behind = await startGateway({ databaseUrl, redisUrl: redisUrl(), settings });
  const request = () => behind.request('{ customers { nodes { id } } }', { headers: bearing(key) });
  try {
    await until('a response from the cache', request, ({ headers }) => headers.get('x-cache') === 'HIT');
    proxy.cut(/./s);
    const { status, headers, errors } = await until(
      'the key to need the database',
      request,
      (got) => got.status !== 200,
    );
    expect([status, headers.get('retry-after'), headers.get('www-authenticate')]).toEqual([503, '1', null]);
    expect(errors).toMatchObject([
      { message: 'The database cannot be reached now; try again.', extensions: { code: 'SERVICE_UNAVAILABLE' } },
    ]);
    proxy.cut(undefined);
    await until('the key to be accepted again', request, (got) => got.status === 200);
  } finally {
    await behind.close();
    await proxy.close();
  }
});

describe('looking up a key', () => {
  const STORED = {
    id: '7',
    name: 'x',
    scopes: 'crm:read',
    owner: undefined,
    expiresAtMs: Date.now() + 3_600_000,
    isRevoked: false,
  };
  const key = makeApiKey();
  const callers = (find: () => Promise<StoredApiKey | undefined>) => {
    const clock = { ms: 0 };
    return { clock, callerOf: createApiKeyCallers({ find, metrics: createMetrics(), now: () => clock.ms }) };
  };

  test('happens once a second, however many requests have it at the same time', async () => {
    let finds = 0;
    const { clock, callerOf } = callers(() => Promise.resolve({ ...STORED, isRevoked: ++finds > 2 }));
    for (const [ms, expected] of [
      [0, 1],
      [999, 1],
      [1_000, 2],
      [1_999, 2],
    ] as const) {
      clock.ms = ms;
      await Promise.all(Array.from({ length: 20 }, () => callerOf(key)));
      expect(finds).toBe(expected);
    }
    clock.ms = 2_000;
    await expect(callerOf(key)).rejects.toThrow('an API key that is revoked');
  });

  test('that fails accepts nothing, and is tried again by the next request', async () => {
    const outcomes = [() => Promise.resolve(STORED), () => Promise.reject(createError('SERVICE_UNAVAILABLE', 'away'))];
    const { clock, callerOf } = callers(() => (outcomes.shift() ?? (() => Promise.resolve(STORED)))());
    const caller = await callerOf(key);
    clock.ms = 1_000;
    await expect(callerOf(key)).rejects.toThrow('away');
    await expect(callerOf(key)).resolves.toMatchObject({ subject: 'api-key:7:x' });
    await expect(caller.recheck?.()).resolves.toBeUndefined();
  });

  test('shares a statement with all that come meanwhile, so that there is only one at a time', async () => {
    const statements: { readonly hashes: readonly unknown[]; readonly end: (rows: RawRow[] | Error) => void }[] = [];
    const find = findApiKey({
      reader: () => ({
        read: ({ values }) =>
          new Promise((resolve, reject) => {
            const end = (rows: RawRow[] | Error) => (Error.isError(rows) ? reject(rows) : resolve(rows));
            statements.push({ hashes: values, end });
          }),
      }),
    });
    const sent = (count: number) =>
      until(
        `statement ${count}`,
        () => statements,
        ({ length }) => length === count,
      );
    const rowOf = (hash: string): RawRow => [hash, '7', hash, 'crm:read', null, '2030-01-01 00:00:00', 0];
    const first = find('first');
    await sent(1);
    const others = Array.from({ length: 100 }, (_, i) => find(`${i}`));
    statements[0]?.end([rowOf('first')]);
    await expect(first).resolves.toMatchObject({ name: 'first', isRevoked: false });
    await sent(2);
    statements[1]?.end(['63', '0', '17'].map(rowOf));
    await sent(3);
    statements[2]?.end(new Error('away'));
    const outcomes = await Promise.allSettled(others);
    const names = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value?.name : 'away'));
    expect(names).toEqual(
      Array.from({ length: 100 }, (_, i) => (i >= 64 ? 'away' : [0, 17, 63].includes(i) ? `${i}` : undefined)),
    );
    // Padded to a power of two.
    expect(statements.map(({ hashes }) => hashes.length)).toEqual([1, 64, 64]);
    const again = find('again');
    await sent(4);
    statements[3]?.end([]);
    await expect(again).resolves.toBeUndefined();
  });

  test('is left out for what cannot be a key', () => {
    expect([key, makeApiKey()].map(isApiKey)).toEqual([true, true]);
    for (const text of [key.toUpperCase(), `${key}0`, ` ${key}`, `${key}\n`, key.replace('_', '-'), ''])
      expect(isApiKey(text)).toBe(false);
  });
});

const RIGHT = { name: 'x', scopes: 'crm:read', expires: '1d' };
test.each<[string, string | undefined, ApiKeyOptions, string]>([
  ['create', undefined, { ...RIGHT, name: '' }, '--name: expected 1 to 100 characters without line breaks, got ""'],
  ['create', undefined, { ...RIGHT, name: ' x' }, '--name: '],
  ['create', undefined, { ...RIGHT, name: 'x'.repeat(101) }, '--name: '],
  ['create', undefined, { scopes: 'crm:read', expires: '1d' }, '--name: '],
  ['create', undefined, { ...RIGHT, scopes: 'crm:reed' }, '--scopes: expected some of crm:explore,'],
  ['create', undefined, { ...RIGHT, scopes: '' }, '--scopes: '],
  ['create', undefined, { name: 'x', expires: '1d' }, '--scopes: '],
  ['create', undefined, { name: 'x', scopes: 'crm:read' }, '--expires: expected a number of days such as 90d'],
  ...['0d', '3651d', '90', 'soon', '2020-01-01', '2026-02-30', '9999-01-01'].map(
    (expires): [string, undefined, ApiKeyOptions, string] => [
      'create',
      undefined,
      { ...RIGHT, expires },
      '--expires: ',
    ],
  ),
  ...['7', 'agent', '', 'Q3VzdG9tZXI6MQ'].map((owner): [string, undefined, ApiKeyOptions, string] => [
    'create',
    undefined,
    { ...RIGHT, owner },
    `--owner: expected the id of an agent, such as QWdlbnQ6MQ, got "${owner}"`,
  ]),
  ['create', '7', RIGHT, 'expected nothing after "create", got "7"'],
  ['list', '7', {}, 'expected nothing after "list"'],
  ['list', undefined, { name: 'x' }, '--name: only "create" takes it'],
  ['revoke', undefined, {}, 'expected the id of a key, as "list" prints it, got none'],
  ['revoke', 'concierge_x', {}, 'expected the id of a key'],
])('api-keys %s %s %j is refused', (action, id, ...[options, message]) => {
  expect(() => parseApiKeyAction(action, id, options)).toThrow(message);
});
