import type { IncomingMessage } from 'node:http';
import { Writable } from 'node:stream';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { CompactSign } from 'jose';
import { createAuthenticate } from '../../src/access/authenticate.ts';
import { TokenRefused } from '../../src/access/token-refused.ts';
import { parseConfig } from '../../src/config.ts';
import { createIdentify } from '../../src/http/identify.ts';
import { createRateLimit } from '../../src/rate-limit/rate-limit.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { AUDIENCE, BY_SECRET, inSeconds, ISSUER, SECRET, tokenOf } from './tokens.ts';

let metrics: Metrics;
let authenticate: ReturnType<typeof createAuthenticate>['authenticate'];
const log = createLog({ level: 'silent', readable: false, destination: new Writable() });

beforeEach(() => {
  metrics = createMetrics();
  const { tokens } = parseConfig({ ...BY_SECRET, AUTH_REQUIRE_OWNER: 'true' }).auth;
  if (tokens === undefined) throw new Error('no way to authenticate');
  const agentIdOf = (owner: unknown) => (owner === 'an agent' ? '1' : undefined);
  ({ authenticate } = createAuthenticate(tokens, { agentIdOf, log, metrics }));
});

const verifications = async () => (await metrics.tokenVerifications.get()).values[0]?.value ?? 0;

const refusal = async (token: string) => {
  const error = await authenticate(token).catch((thrown: unknown) => thrown);
  if (!(error instanceof TokenRefused)) throw new Error('expected the token to be refused', { cause: error });
  return { reason: error.reason, details: error.details?.() };
};

describe('a token that its issuer has signed, and that is refused', () => {
  test.each([
    ['expired', { exp: inSeconds(-3_600) }],
    ['audience', { aud: 'another' }],
    ['issuer', { iss: 'https://another.example' }],
    ['exp', { exp: undefined }],
    ['sub', { sub: '' }],
    ['scope', { scope: ['crm:read'] }],
    ['owner', { owner: 'nobody' }],
    ['ownerMissing', {}],
  ])('for %s is verified once, and refused for the same reason again', async (reason, claims) => {
    const token = await tokenOf(claims);
    const refusals = [await refusal(token), await refusal(token), await refusal(token)];
    expect(refusals[0]?.reason).toBe(reason);
    expect(new Set(refusals.map((one) => JSON.stringify(one)))).toHaveProperty('size', 1);
    expect(await verifications()).toBe(1);
  });

  test('because it is too early is verified again: it may be valid soon', async () => {
    const token = await tokenOf({ nbf: inSeconds(3_600) });
    expect([(await refusal(token)).reason, (await refusal(token)).reason]).toEqual(['early', 'early']);
    expect(await verifications()).toBe(2);
  });
});

test('an end that is too large for a number does not make a token valid for ever', async () => {
  const claims = `{"iss":"${ISSUER}","aud":"${AUDIENCE}","sub":"ada","owner":"an agent","exp":1e400}`;
  const signer = new CompactSign(Buffer.from(claims)).setProtectedHeader({ alg: 'HS256' });
  expect((await refusal(await signer.sign(Buffer.from(SECRET)))).reason).toBe('exp');
});

test('while memory is short, nobody is told that a token is wrong, and none counts as made up', async () => {
  const rateLimit = createRateLimit({ costPerMinute: 300, shared: undefined, onRefused: () => undefined });
  const identify = createIdentify({ authenticate, rateLimit, memory: { isShort: () => true }, log, metrics });
  const ask = (token: string) =>
    identify({
      rawHeaders: ['authorization', `Bearer ${token}`],
      socket: { remoteAddress: '10.0.0.1' },
    } as unknown as IncomingMessage).catch(({ status, headers }) => [status, headers]);
  const valid = await tokenOf({ owner: 'an agent' });
  for (const token of [valid, valid, valid, 'garbage', 'garbage', valid])
    expect(await ask(token)).toEqual([503, { 'retry-after': '1' }]);
  const { values } = await metrics.tokensRefused.get();
  expect(values.map(({ labels, value }) => [labels.reason, value])).toEqual([['memory', 6]]);
  expect(await verifications()).toBe(0);
});
