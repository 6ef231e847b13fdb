import { createPublicKey, createSecretKey, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import '../support/fast-check.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { CHANGED, subscribe } from '../subscriptions/event-reader.ts';
import { ask } from '../http/ask.ts';
import { bearing, BY_SECRET, inSeconds, SECRET, tokenOf } from './tokens.ts';

const VIEWER = '{ viewer { subject scopes } }';
const GOT = 'Expected a valid bearer token, got';
const [rsa, otherRsa] = [0, 1].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));
if (rsa === undefined || otherRsa === undefined) throw new Error('no keys');
const PUBLIC_PEM = rsa.publicKey.export({ type: 'spki', format: 'pem' });
const PREVIOUS = `previous ${SECRET}`;
const RS256 = { key: rsa.privateKey, alg: 'RS256' };

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const unsigned = (header: object): string =>
  `${base64url(header)}.${base64url({ iss: BY_SECRET.AUTH_JWT_ISSUER, aud: 'crm', sub: 'eve', exp: inSeconds(60), scope: 'crm:read' })}.`;

let database: TestDatabase;
let gateway: TestGateway;
let byPublicKey: TestGateway;
beforeAll(async () => {
  database = await createDatabase();
  const start = (settings: Readonly<Record<string, string>>) =>
    startGateway({ databaseUrl: database.url, settings: { ...PATIENT, ...settings } });
  gateway = await start({ ...BY_SECRET, AUTH_JWT_SECRET_PREVIOUS: PREVIOUS });
  const { AUTH_JWT_ISSUER, AUTH_JWT_AUDIENCE } = BY_SECRET;
  byPublicKey = await start({ AUTH_JWT_ISSUER, AUTH_JWT_AUDIENCE, AUTH_JWT_PUBLIC_KEY: PUBLIC_PEM });
});
afterAll(async () => {
  await gateway.close();
  await byPublicKey.close();
  await database.drop();
});

/** Status, message and challenge of the answer to a request with a token. */
async function answerTo(token: string, asked: TestGateway = gateway) {
  const { status, errors, headers, data } = await asked.request(VIEWER, { headers: bearing(token) });
  return {
    status,
    data,
    message: errors[0]?.message,
    code: errors[0]?.extensions.code,
    challenge: headers.get('www-authenticate'),
  };
}

describe('a bearer token', () => {
  test.each(['HS256', 'HS384', 'HS512'])(
    'signed with %s says who calls, and with which scopes that are known',
    async (alg) => {
      const token = await tokenOf({ scope: 'crm:write openid crm:read  crm:READ crm:read' }, { alg });
      const viewer = { subject: 'ada', scopes: ['crm:read', 'crm:write'] };
      expect(await answerTo(token)).toMatchObject({ status: 200, data: { viewer } });
    },
  );

  test.each<[string, () => Promise<string> | string, string]>([
    ['has expired', () => tokenOf({ exp: inSeconds(-11), scope: 'crm:read' }), 'one that has expired'],
    ['is not valid yet', () => tokenOf({ nbf: inSeconds(600) }), 'one that is not valid yet'],
    ['comes from another issuer', () => tokenOf({ iss: 'https://other.example' }), 'one from another issuer'],
    ['names no issuer', () => tokenOf({ iss: undefined }), 'one from another issuer'],
    ['is for another audience', () => tokenOf({ aud: ['shop', 'crm2'] }), 'one for another audience'],
    ['never expires', () => tokenOf({ exp: undefined }), 'one without "exp", or with one that is not a number'],
    [
      'has scopes as a list',
      () => tokenOf({ scope: ['crm:read'] }),
      'one with a "scope" that is not a text, with spaces between the names of scopes',
    ],
    ...['ada ', '', 'api-key:7', 'x'.repeat(201), 'a\nb', 'a\u202eb', 'a\ud800'].map(
      (sub): [string, () => Promise<string>, string] => [
        `has the subject ${JSON.stringify(sub).slice(0, 20)}`,
        () => tokenOf({ sub }),
        'one with a "sub" that is not a text of 1 to 200 characters, without spaces around it or control characters in it, that does not begin with "api-key:"',
      ],
    ),
    [
      'has another key',
      () => tokenOf({}, { key: createSecretKey(Buffer.from(`${SECRET}.`)) }),
      'one whose signature does not match any known key',
    ],
    ['is signed with RS256', () => tokenOf({}, RS256), 'one that is signed with an algorithm that is not allowed'],
    ['is not signed', () => unsigned({ alg: 'none' }), 'one that is signed with an algorithm that is not allowed'],
    ['has no algorithm', () => unsigned({}), 'something that is not a signed JWT'],
    ['is no JWT', () => 'secret', 'something that is not a signed JWT'],
    ['is encrypted', () => 'e30.e30.e30.e30.e30', 'something that is not a signed JWT'],
    ['is huge', () => 'x'.repeat(8_193), 'one of more than 8192 characters'],
  ])('that %s is refused with 401, and nothing more is said', async (_, make, got) => {
    const token = await make();
    const message = `${GOT} ${got}.`;
    expect(await answerTo(token)).toEqual({
      status: 401,
      data: undefined,
      message,
      code: 'UNAUTHENTICATED',
      challenge: `Bearer realm="concierge", error="invalid_token", error_description="${message.replaceAll('"', "'")}"`,
    });
  });

  test('whose claim "owner" is not the id of an agent is refused, instead of being given more than it should', async () => {
    const token = await tokenOf({ scope: 'crm:read crm:pii', owner: '1' });
    expect(await answerTo(token)).toMatchObject({
      status: 403,
      code: 'FORBIDDEN',
      message: `${GOT} one with a claim "owner" that is not the id of an agent, as the schema shows it.`,
    });
  });

  test('may be signed with the secret from before, and is looked at as any other', async () => {
    const before = { key: createSecretKey(Buffer.from(PREVIOUS)), alg: 'HS512' };
    const viewer = { subject: 'ada', scopes: ['crm:read'] };
    const counted = () => gateway.metric('concierge_previous_secret_tokens_total');
    const earlier = await counted();
    for (const signing of [before, {}])
      expect((await answerTo(await tokenOf({ scope: 'crm:read' }, signing))).data).toEqual({ viewer });
    expect((await counted()) - earlier).toBe(1);
    const expired = await answerTo(await tokenOf({ exp: inSeconds(-11) }, before));
    expect([expired.status, expired.message]).toEqual([401, `${GOT} one that has expired.`]);
  });

  test('is valid a little before it begins, since clocks differ', async () => {
    expect((await answerTo(await tokenOf({ nbf: inSeconds(5) }))).status).toBe(200);
  });

  test('for a public key is verified by that key, whose text is no secret', async () => {
    expect(await answerTo(await tokenOf({ scope: 'crm:pii' }, RS256), byPublicKey)).toMatchObject({
      data: { viewer: { subject: 'ada', scopes: ['crm:pii'] } },
    });
    const refused = [
      [await tokenOf({}, { ...RS256, key: otherRsa.privateKey }), 'signature'],
      // Algorithm confusion: everybody knows the public key, in each of its forms.
      ...(await Promise.all(
        [PUBLIC_PEM, PUBLIC_PEM.trim(), createPublicKey(PUBLIC_PEM).export({ type: 'spki', format: 'der' })].map(
          async (key) =>
            [await tokenOf({}, { key: createSecretKey(Buffer.from(key as string)) }), 'algorithm'] as const,
        ),
      )),
      [unsigned({ alg: 'none' }), 'algorithm'],
      [unsigned({ alg: 'None' }), 'algorithm'],
    ] as const;
    for (const [token, what] of refused) {
      const { status, message } = await answerTo(token, byPublicKey);
      expect([status, message]).toEqual([401, expect.stringContaining(what)]);
    }
  });

  test('with any of ten thousand changes is refused, and without one accepted beside them', async () => {
    const token = await tokenOf({ scope: 'crm:read crm:write' });
    const [head, signature] = [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.') + 1)];
    const isSame = (other: string): boolean =>
      other.slice(0, other.lastIndexOf('.')) === head &&
      // The last character has bits that are not used.
      Buffer.from(other.slice(head.length + 1), 'base64url').equals(Buffer.from(signature, 'base64url'));
    const character = fc.constantFrom(...'ABCXYZabcxyz0189-_.=~ %'.split(''));
    const mutated = fc
      .tuple(fc.nat(token.length - 1), fc.nat(3), fc.array(character, { maxLength: 3 }))
      .map(([at, dropped, added]) => token.slice(0, at) + added.join('') + token.slice(at + dropped))
      .filter((text) => !isSame(text.trim()));
    await fc.assert(
      fc.asyncProperty(fc.array(mutated, { minLength: 20, maxLength: 20 }), async (texts) => {
        const [unchanged, ...answers] = await Promise.all([token, ...texts].map((text) => answerTo(text)));
        expect(unchanged?.status).toBe(200);
        for (const [i, { status, code }] of answers.entries())
          expect([texts[i], status, code]).toEqual([texts[i], 401, 'UNAUTHENTICATED']);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a request', () => {
  const asked = (headers: Readonly<Record<string, string>>) => gateway.request(VIEWER, { headers });

  test.each([
    ['no token', {}, 'Expected a bearer token, got none.'],
    [
      'another scheme',
      { authorization: 'Basic YTpi' },
      'Expected the header "authorization" to be "Bearer" and a token, got something else.',
    ],
    [
      'nothing after the scheme',
      { authorization: 'Bearer ' },
      'Expected the header "authorization" to be "Bearer" and a token, got something else.',
    ],
  ])('with %s is refused with 401, and told how to authenticate', async (_, headers, message) => {
    const { status, headers: sent, errors } = await asked(headers);
    expect([status, sent.get('www-authenticate'), sent.get('cache-control')]).toEqual([
      401,
      'Bearer realm="concierge"',
      'no-store',
    ]);
    expect(errors).toEqual([{ message, extensions: { code: 'UNAUTHENTICATED' } }]);
  });

  test('with two tokens is refused with 400, even if both are equal', async () => {
    const { authorization } = bearing(await tokenOf({}));
    const url = `${gateway.url}/graphql?query=${encodeURIComponent(VIEWER)}`;
    const headers = { host: 'localhost', authorization: [authorization, authorization] };
    const { status, headers: sent } = await ask(url, headers as unknown as Record<string, string>);
    expect([status, sent['www-authenticate']]).toEqual([400, 'Bearer realm="concierge", error="invalid_request"']);
  });

  test('with a token that was verified before costs no verification', async () => {
    const token = await tokenOf({ scope: 'crm:read' });
    const verifications = () => gateway.metric('concierge_token_verifications_total');
    const before = await verifications();
    for (let i = 0; i < 5; i += 1) expect((await answerTo(token)).status).toBe(200);
    expect((await verifications()) - before).toBe(1);
  });

  test('for health or metrics needs no token; refusals are counted there', async () => {
    for (const path of ['/health/live', '/health/ready', '/metrics'])
      expect((await fetch(gateway.url + path)).status).toBe(200);
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(text).toMatch(/^concierge_tokens_refused_total\{reason="expired"\} [1-9]/m);
  });
});

test('a subscription ends with its token, and says why', async () => {
  const created = await gateway.request('mutation { createCustomer(input: { name: "Ada" }) { customer { id } } }', {
    headers: bearing(await tokenOf({ scope: 'crm:read crm:write' })),
  });
  const { id } = created.data.createCustomer.customer;
  const subscribeFor = async (seconds: number) => {
    const headers = bearing(await tokenOf({ scope: 'crm:read', exp: inSeconds(seconds) }));
    return subscribe(gateway.url, CHANGED, { variables: { id }, headers });
  };
  // Accepted for ten seconds after it has expired, of which most are over. A slow machine needs more of them.
  let stream = await subscribeFor(-8);
  for (let seconds = -6; stream.status === 401; seconds += 10) stream = await subscribeFor(seconds);
  const events = await stream.until(({ event }) => event === 'complete');
  expect(events.at(-2)?.data).toEqual({
    errors: [{ message: `${GOT} one that has expired.`, extensions: { code: 'UNAUTHENTICATED' } }],
  });
  expect(await gateway.metric('concierge_subscriptions_ended_total')).toBe(1);
});
