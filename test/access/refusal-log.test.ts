import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createAuthenticate } from '../../src/access/authenticate.ts';
import { createRefusalLog } from '../../src/access/refusal-log.ts';
import { TokenRefused } from '../../src/access/token-refused.ts';
import { parseConfig } from '../../src/config.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { startOwnGateway } from '../support/own-gateway.ts';
import { AUDIENCE, bearing, BY_SECRET, ISSUER, SECRET, tokenOf, type Signing } from './tokens.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const BY_KEY = {
  AUTH_JWT_PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }),
  AUTH_JWT_ISSUER: ISSUER,
  AUTH_JWT_AUDIENCE: AUDIENCE,
};
const SECRET_ALGORITHMS = 'HS256, HS384, HS512';
const OTHER_SECRET = createSecretKey(Buffer.from(`${SECRET}.`));

/** A log, and what is in it. */
function logging() {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({ write: (line, _, done) => (lines.push(JSON.parse(String(line))), done()) });
  return { log: createLog({ level: 'warn', readable: false, destination }), lines };
}

const OF_EVERY_LINE: ReadonlySet<string> = new Set(['level', 'time', 'msg']);

/** The lines that are logged because of some tokens, one after the other. */
async function linesOf(tokens: readonly string[], settings: Readonly<Record<string, string>> = BY_SECRET) {
  const { log, lines } = logging();
  const { tokens: config } = parseConfig(settings).auth;
  if (config === undefined) throw new Error('no way to authenticate');
  const { authenticate } = createAuthenticate(config, { agentIdOf: () => undefined, log, metrics: createMetrics() });
  const logRefusal = createRefusalLog(log);
  for (const token of tokens)
    await authenticate(token).catch((error: unknown) => {
      if (!(error instanceof TokenRefused)) throw error;
      logRefusal(error);
    });
  return lines.map((line) => Object.fromEntries(Object.entries(line).filter(([name]) => !OF_EVERY_LINE.has(name))));
}

test.each<[string, object, Signing, object]>([
  [
    'another issuer',
    { iss: 'https://other.example/' },
    {},
    { reason: 'issuer', expected: ISSUER, got: 'https://other.example/' },
  ],
  ['no issuer', { iss: undefined }, {}, { reason: 'issuer', expected: ISSUER, got: 'none' }],
  [
    'an issuer that is its subject',
    { iss: 'did:ada', sub: 'did:ada' },
    {},
    { reason: 'issuer', expected: ISSUER, got: 'the same as the claim "sub"' },
  ],
  ['another audience', { aud: 'shop' }, {}, { reason: 'audience', expected: AUDIENCE, got: 'shop' }],
  [
    'other audiences',
    { aud: ['shop', 'crm2'] },
    {},
    { reason: 'audience', expected: AUDIENCE, got: '["shop","crm2"]' },
  ],
  [
    'audiences with its subject',
    { aud: ['shop', 'ada'] },
    {},
    { reason: 'audience', expected: AUDIENCE, got: 'the same as the claim "sub"' },
  ],
  [
    'a long audience',
    { aud: 'x'.repeat(5_000) },
    {},
    { reason: 'audience', expected: AUDIENCE, got: `${'x'.repeat(100)}…` },
  ],
  [
    'another key',
    {},
    { key: OTHER_SECRET, kid: 'secret' },
    { reason: 'signature', expected: SECRET_ALGORITHMS, got: 'HS256' },
  ],
  [
    'another kind of key',
    {},
    { key: privateKey, alg: 'PS256' },
    { reason: 'algorithm', expected: SECRET_ALGORITHMS, got: 'PS256' },
  ],
  ['an end', { exp: 1 }, {}, { reason: 'expired' }],
])('a token with %s is logged with what was expected and what came, and nothing else of it', async (...given) => {
  const [, claims, signing, line] = given;
  expect(await linesOf([await tokenOf({ scope: 'crm:read', ...claims }, signing)])).toEqual([{ ...line, leftOut: 0 }]);
});

test('an algorithm that nobody knows is not logged by its name', async () => {
  const header = Buffer.from(JSON.stringify({ alg: 'Ada Lovelace', kid: 'Ada' })).toString('base64url');
  const [, ...rest] = (await tokenOf({})).split('.');
  const lines = await linesOf([[header, ...rest].join('.')], BY_KEY);
  expect(lines).toMatchObject([{ reason: 'algorithm', got: 'another algorithm' }]);
  expect(JSON.stringify(lines)).not.toContain('Ada');
});

test('refusals are logged once a minute for each reason, with how many were left out', () => {
  const { log, lines } = logging();
  const clock = { ms: 0 };
  const logRefusal = createRefusalLog(log, () => clock.ms);
  for (const ms of [0, 1, 59_999, 60_000, 119_999, 120_000]) {
    clock.ms = ms;
    logRefusal(new TokenRefused('expired'));
    if (ms < 2) logRefusal(new TokenRefused('long'));
  }
  expect(lines.map(({ reason, leftOut }) => [reason, leftOut])).toEqual([
    ['expired', 0],
    ['long', 0],
    ['expired', 2],
    ['expired', 1],
  ]);
});

const EXPECTED = 'the claim "scope" with some of crm:explore, crm:pii, crm:read, crm:write';

test.each<[string, Record<string, string | string[]>, object[]]>([
  ['no scope', {}, [{ hasScope: false, unknownScopes: 0, hasScp: false }]],
  ['a misspelt scope', { scope: 'crm:raed openid' }, [{ hasScope: true, unknownScopes: 2, hasScp: false }]],
  ['scopes in another claim', { scp: ['crm:read'] }, [{ hasScope: false, unknownScopes: 0, hasScp: true }]],
  ['a scope that is known', { scope: 'crm:read crm:raed' }, []],
])('a valid token with %s', async (_, claims, said) => {
  const lines = await linesOf([await tokenOf(claims), await tokenOf({ ...claims, sub: 'bob' })]);
  expect(lines).toEqual(said.map((line) => ({ expected: EXPECTED, ...line, leftOut: 0 })));
});

test('the log of a gateway has why it refuses tokens', async () => {
  const gateway = await startOwnGateway({ ...BY_SECRET });
  try {
    for (const claims of [{ iss: 'https://other.example', sub: 'ada.lovelace' }, { scp: 'crm:read' }])
      await gateway.request('{ viewer { subject } }', { headers: bearing(await tokenOf(claims)) });
    const lines = gateway.logLines.filter((line) => line.includes('A bearer token')).map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      {
        level: 40,
        reason: 'issuer',
        expected: ISSUER,
        got: 'https://other.example',
        msg: 'A bearer token was refused: got one from another issuer',
      },
      { level: 40, hasScp: true, msg: 'A bearer token is valid, but has no scope that this gateway knows' },
    ]);
    expect(JSON.stringify(lines)).not.toContain('ada');
  } finally {
    await gateway.close();
  }
});

test('and why it refuses headers, and which scopes callers lack, once a minute', async () => {
  const gateway = await startOwnGateway({ ...BY_SECRET });
  try {
    const token = await tokenOf({ scope: 'crm:write' });
    const search = (authorization: string) =>
      gateway.request('{ searchCustomers(text: "somebody") { totalCount } }', { headers: { authorization } });
    for (const header of [token, `Token ${token}`, `Bearer ${token}`, `Bearer ${token}`]) await search(header);
    const lines = gateway.logLines.map((line) => JSON.parse(line)).filter(({ msg }) => msg.includes('refused'));
    expect(lines).toMatchObject([
      {
        reason: 'scheme',
        msg: 'A bearer token was refused: got a header "authorization" that is not "Bearer" and a token',
      },
      { missing: ['crm:pii', 'crm:read'], leftOut: 0, msg: 'An operation was refused: its caller lacks a scope' },
    ]);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    for (const scope of ['crm:pii', 'crm:read'])
      expect(metrics).toContain(`concierge_scopes_missing_total{scope="${scope}"} 2\n`);
  } finally {
    await gateway.close();
  }
});
