import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createAuthenticate } from '../../src/access/authenticate.ts';
import { createRefusalLog } from '../../src/access/refusal-log.ts';
import { TokenRefused } from '../../src/access/token-refused.ts';
import { parseConfig } from '../../src/config.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { Readiness, TestGateway } from '../support/gateway.ts';
import { startOwnGateway } from '../support/own-gateway.ts';
import { until } from '../support/patience.ts';
import { AUDIENCE, bearing, ISSUER, tokenOf, type Signing } from './tokens.ts';

const MINUTE = 60_000;
const keys = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const [first, second] = keys as [(typeof keys)[number], (typeof keys)[number]];
const jwkOf = (kid: string, key: KeyObject) => ({ ...key.export({ format: 'jwk' }), kid });

/** An issuer's server: what it answers with, and how often it was asked. */
let issuer: { status: number; type: string; body: string; asked: number };
let server: Server;
let url: string;
beforeEach(async () => {
  issuer = {
    status: 200,
    type: 'application/json; charset=utf-8',
    body: JSON.stringify({ keys: [jwkOf('a', first.publicKey)] }),
    asked: 0,
  };
  server = createServer((_, response) => {
    issuer.asked += 1;
    const { status, type } = issuer;
    if (status === 0) response.destroy();
    else if (status > 0) response.writeHead(status, { location: '/elsewhere', 'content-type': type }).end(issuer.body);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** The message of the refusal of a token, or its caller's subject; `clock.ms` is the time. */
function authenticating(from = url) {
  const clock = { ms: 0 };
  const { tokens } = parseConfig({ AUTH_JWKS_URL: from, AUTH_JWT_ISSUER: ISSUER, AUTH_JWT_AUDIENCE: AUDIENCE }).auth;
  if (tokens === undefined) throw new Error('no way to authenticate');
  const lines: string[] = [];
  const destination = new Writable({ write: (line, _, done) => (lines.push(String(line)), done()) });
  const log = createLog({ level: 'info', readable: false, destination });
  const { authenticate, issuerState } = createAuthenticate(tokens, {
    agentIdOf: () => undefined,
    log,
    metrics: createMetrics(),
    now: () => clock.ms,
  });
  const logRefusal = createRefusalLog(log);
  const ask = (token: string) =>
    authenticate(token).then(
      ({ subject }) => subject,
      (error: unknown) => {
        if (error instanceof TokenRefused) logRefusal(error);
        return (error as Error).message;
      },
    );
  return { ask, clock, lines, issuerState };
}

const byFirst = (kid = 'a', sub = 'ada') => tokenOf({ sub }, { key: first.privateKey, alg: 'ES256', kid });
const bySecond = (sub = 'bob') => tokenOf({ sub }, { key: second.privateKey, alg: 'ES256', kid: 'b' });
const NO_KEY = 'Expected a valid bearer token, got one whose signature does not match any known key.';
const AWAY = "The issuer's keys cannot be fetched; send the request again later.";
const both = () => JSON.stringify({ keys: [jwkOf('a', first.publicKey), jwkOf('b', second.publicKey)] });

test('a new key is fetched when a token names it, but however many tokens name unknown ones, once in ten seconds', async () => {
  const { ask, clock } = authenticating();
  expect(await ask(await byFirst())).toBe('ada');
  expect(issuer.asked).toBe(1);
  const storm = await Promise.all(Array.from({ length: 200 }, (_, i) => byFirst(`unknown ${i}`)));
  expect(new Set(await Promise.all(storm.map(ask)))).toEqual(new Set([NO_KEY]));
  expect(issuer.asked).toBe(1);
  issuer.body = both();
  expect(await ask(await bySecond())).toBe(NO_KEY);
  clock.ms += 10_000;
  expect(await ask(await bySecond())).toBe('bob');
  expect(await ask(await byFirst())).toBe('ada');
  expect(issuer.asked).toBe(2);
  clock.ms += 10_000;
  await Promise.all(storm.map(ask));
  expect(issuer.asked).toBe(3);
});

test.each<[string, Signing, string]>([
  ['an unknown key', { kid: 'secret name' }, 'of no known key'],
  ['a known key that has not signed it', { kid: 'a' }, 'of a known key'],
  ['no key', {}, 'none'],
])('the log tells of a token that names %s, without the name', async (_, signing, keyId) => {
  const { ask, lines } = authenticating();
  expect(await ask(await tokenOf({}, { key: second.privateKey, alg: 'ES256', ...signing }))).toBe(NO_KEY);
  const told = lines.filter((line) => line.includes('"reason"'));
  expect(told.map((line) => JSON.parse(line))).toMatchObject([{ reason: 'signature', got: 'ES256', keyId }]);
  expect(told.join()).not.toContain('secret name');
});

test('a token that names no key is verified by whichever of the first four fits', async () => {
  const others = [1, 2, 3].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
  const published = (all: readonly KeyObject[]) =>
    (issuer.body = JSON.stringify({ keys: all.map((key, i) => jwkOf(`${i}`, key)) }));
  const byNone = async (sub: string) => tokenOf({ sub }, { key: first.privateKey, alg: 'ES256' });
  for (const [all, expected] of [
    [[first.publicKey], 'ada'],
    [[...others, first.publicKey], 'ada'],
    [[...others, second.publicKey, first.publicKey], NO_KEY],
    [others, NO_KEY],
  ] as const) {
    published(all);
    const { ask } = authenticating();
    expect(await ask(await byNone('ada'))).toBe(expected);
  }
  published([first.publicKey, second.publicKey]);
  const { ask } = authenticating();
  expect(await ask(await tokenOf({ exp: 1 }, { key: second.privateKey, alg: 'ES256' }))).toContain('expired');
});

test('a key that the issuer withdraws is refused once new keys have come, also for tokens that were verified before', async () => {
  const { ask, clock } = authenticating();
  const token = await byFirst();
  expect(await ask(token)).toBe('ada');
  issuer.body = JSON.stringify({ keys: [jwkOf('b', second.publicKey)] });
  expect(await ask(token)).toBe('ada');
  // Nobody waits for new keys as long as the old ones fit.
  clock.ms += 5 * MINUTE + 1;
  expect(await ask(token)).toBe('ada');
  await until(
    'the token to be refused',
    () => {
      clock.ms += 5 * MINUTE + 1;
      return ask(token);
    },
    (answer) => answer === NO_KEY,
  );
});

test.each<[string, () => void]>([
  ['is away', () => void (issuer.status = 0)],
  ['answers with an error', () => void (issuer.status = 500)],
  ['leads elsewhere', () => void (issuer.status = 302)],
  ['sends no keys', () => void (issuer.body = '{"keys":{}}')],
  ['sends no JSON', () => void (issuer.body = '<html>')],
  ['sends too much', () => void (issuer.body = JSON.stringify({ keys: [], x: 'x'.repeat(256 * 1024) }))],
])('while the issuer %s, its last keys are used for a day', async (_, fail) => {
  const { ask, clock, lines } = authenticating();
  expect(await ask(await byFirst())).toBe('ada');
  fail();
  for (let hour = 1; hour < 24; hour += 1) {
    clock.ms += 60 * MINUTE;
    expect(await ask(await byFirst('a', `ada ${hour}`))).toBe(`ada ${hour}`);
  }
  await until(
    'the log to say so',
    () => Promise.resolve(lines.filter((line) => line.includes('AUTH_JWKS_URL')).length),
    (count) => count === 1,
  );
  clock.ms += 60 * MINUTE;
  expect(await ask(await byFirst())).toBe(AWAY);
});

const enc = () => ({ ...jwkOf('a', first.publicKey), use: 'enc' });
const small = () => jwkOf('a', generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey);

test.each<[string, () => void, string]>([
  ['is away', () => void (issuer.status = 0), 'a response, got a connection that was cut off (UND_ERR_SOCKET)'],
  ['does not answer', () => void (issuer.status = -1), 'a response, got none within 3000 ms'],
  [
    'answers with an error',
    () => Object.assign(issuer, { status: 404, type: 'text/html' }),
    'status 200, got 404 with content type text/html',
  ],
  [
    'has an odd content type',
    () => Object.assign(issuer, { status: 500, type: 'text ada@example.com' }),
    'status 200, got 500 with no content type',
  ],
  ['leads elsewhere', () => void (issuer.status = 302), 'status 200, got 302, a redirect, which is not followed'],
  [
    'sends a page',
    () => Object.assign(issuer, { body: '<html>', type: 'text/html' }),
    'JSON, got something else, with content type text/html',
  ],
  ['sends no keys', () => void (issuer.body = '{"keys":{}}'), 'a key set, {"keys": [...]}, got other JSON'],
  ['has no keys', () => void (issuer.body = '{"keys":[]}'), 'keys that can verify a token, got none'],
  [
    'has keys for something else',
    () => void (issuer.body = JSON.stringify({ keys: [enc(), small(), { kty: 'oct', k: 'eA' }] })),
    'keys that can verify a token, got none',
  ],
  [
    'sends too much',
    () => void (issuer.body = JSON.stringify({ keys: [], x: 'x'.repeat(256 * 1024) })),
    'at most 262144 bytes, got more',
  ],
])('if the issuer %s, the log says what was expected and what came, and from where', async (_, fail, what) => {
  fail();
  const { ask, lines, issuerState } = authenticating(`${url}?secret=1`);
  expect(await ask(await byFirst())).toBe(AWAY);
  expect(issuerState?.()).toBe('down');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 40, url, msg: `The issuer's keys cannot be fetched (AUTH_JWKS_URL): expected ${what}` },
  ]);
  expect(lines.join()).not.toMatch(/secret=|html>|ada@/);
});

test.each<[string, (port: string) => string, RegExp]>([
  ['on a port of something else', () => 'http://127.0.0.1:1/jwks', /got a port that browsers do not use either/],
  ['speaks no TLS', (port) => `https://127.0.0.1:${port}/jwks`, /got an error of TLS \(\w*SSL\w*\)"/],
])('if an issuer %s, the log says so', async (_, urlOf, what) => {
  const { ask, lines } = authenticating(urlOf(new URL(url).port));
  expect(await ask(await byFirst())).toBe(AWAY);
  expect(lines.join()).toMatch(what);
});

test('if an issuer goes on failing, the log says so once for each reason in a row, and when it is over', async () => {
  const { ask, lines, clock } = authenticating();
  for (const [status, subject] of [[500], [500], [404], [404], [500], [200, 'ada']] as const) {
    issuer.status = status;
    expect(await ask(await byFirst())).toBe(subject ?? AWAY);
    clock.ms += 1_001;
  }
  expect(lines.map((line) => /got \d+|again/.exec(line)?.[0])).toEqual(['got 500', 'got 404', 'got 500', 'again']);
});

test('if nobody listens where the keys should be, the log says so', async () => {
  await new Promise((resolve) => server.close(resolve));
  const { ask, lines } = authenticating();
  expect(await ask(await byFirst())).toBe(AWAY);
  expect(lines.join()).toContain('got a refused connection (ECONNREFUSED)"');
});

test('an issuer that withdraws all of its keys has none accepted any more', async () => {
  const { ask, clock } = authenticating();
  expect(await ask(await byFirst())).toBe('ada');
  issuer.body = '{"keys":[]}';
  await until(
    'the token to be refused',
    async () => {
      clock.ms += 5 * MINUTE + 1;
      return ask(await byFirst());
    },
    (answer) => answer === NO_KEY,
  );
});

test('after a day without tokens, the first one waits for new keys', async () => {
  const { ask, clock, issuerState } = authenticating();
  expect(await ask(await byFirst())).toBe('ada');
  clock.ms += 25 * 60 * MINUTE;
  expect(issuerState?.()).toBe('up');
  expect(await ask(await byFirst('a', 'bob'))).toBe('bob');
});

test('an issuer is down until its keys were there, and then not for a day; meanwhile they are fetched without tokens', async () => {
  issuer.status = 500;
  const { ask, clock, lines, issuerState } = authenticating();
  const asked = () => until('the issuer to be asked', () => issuer.asked);
  const untilLogged = (text: string, count = 1) =>
    until(
      `the log to have ${JSON.stringify(text)}`,
      () => lines.filter((line) => line.includes(text)).length,
      (found) => found === count,
    );
  await untilLogged('AUTH_JWKS_URL');
  for (let i = 0; i < 20; i += 1) expect(issuerState?.()).toBe('down');
  clock.ms += 9_999;
  expect(issuerState?.()).toBe('down');
  expect(await asked()).toBe(1);
  clock.ms += 1;
  issuer.status = 200;
  for (let i = 0; i < 20; i += 1) issuerState?.();
  await untilLogged('can be fetched again');
  expect([issuer.asked, issuerState?.()]).toEqual([2, 'up']);
  issuer.status = 500;
  clock.ms += 23 * 60 * MINUTE;
  expect(await ask(await byFirst())).toBe('ada');
  await untilLogged('AUTH_JWKS_URL', 2);
  expect(issuerState?.()).toBe('up');
  clock.ms += 60 * MINUTE;
  expect(await ask(await byFirst('a', 'bob'))).toBe(AWAY);
  expect(issuerState?.()).toBe('down');
});

test('a gateway that has never had the keys refuses tokens with 503, and recovers by itself', async () => {
  issuer.status = 0;
  const gateway = await startOwnGateway({
    AUTH_JWKS_URL: url,
    AUTH_JWT_ISSUER: ISSUER,
    AUTH_JWT_AUDIENCE: AUDIENCE,
  });
  try {
    const ask = async () => {
      const { status, data, errors } = await gateway.request('{ viewer { subject } }', { headers });
      return { status, subject: data?.viewer.subject, message: errors[0]?.message };
    };
    const headers = bearing(await tokenOf({ scope: 'crm:read' }, { key: first.privateKey, alg: 'ES256', kid: 'a' }));
    expect(await ask()).toEqual({ status: 503, subject: undefined, message: AWAY });
    expect(await ready(gateway)).toEqual([503, 'unavailable', { ...UP, issuer: 'down' }]);
    issuer.status = 200;
    await until('the keys to be fetched', ask, ({ subject }) => subject === 'ada');
    expect(await gateway.metric('concierge_tokens_refused_total')).toBeGreaterThan(0);
    expect(await ready(gateway)).toEqual([200, 'ok', { ...UP, issuer: 'up' }]);
  } finally {
    await gateway.close();
  }
});

const UP = { database: 'up', redis: 'not used' };
const ready = async ({ url: at }: Pick<TestGateway, 'url'>) => {
  const response = await fetch(`${at}/health/ready`);
  const { status, dependencies } = (await response.json()) as Readiness;
  return [response.status, status, dependencies];
};

test('a gateway with API keys is ready without keys of the issuer, and says that these are not there', async () => {
  issuer.status = 500;
  const gateway = await startOwnGateway({
    AUTH_JWKS_URL: url,
    AUTH_JWT_ISSUER: ISSUER,
    AUTH_JWT_AUDIENCE: AUDIENCE,
    AUTH_API_KEYS: 'true',
  });
  try {
    expect(await ready(gateway)).toEqual([200, 'degraded', { ...UP, issuer: 'down' }]);
  } finally {
    await gateway.close();
  }
});
