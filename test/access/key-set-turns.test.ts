import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createAuthenticate } from '../../src/access/authenticate.ts';
import { parseConfig } from '../../src/config.ts';
import { createIdentify } from '../../src/http/identify.ts';
import { createRateLimit } from '../../src/rate-limit/rate-limit.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { until } from '../support/patience.ts';
import { AUDIENCE, ISSUER, tokenOf } from './tokens.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const KEYS = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a' }] });
const tokenBy = (kid: string, sub: string) => tokenOf({ sub }, { key: privateKey, alg: 'ES256', kid });
const NETWORK = '10.0.0.1';

/** An issuer that does not answer while it hangs, for longer than anybody waits. */
let issuer: { hangs: boolean; asked: number; goOn: () => void };
let server: Server;
beforeEach(async () => {
  jest.spyOn(AbortSignal, 'timeout').mockImplementation(() => new AbortController().signal);
  issuer = { hangs: false, asked: 0, goOn: () => undefined };
  server = createServer((_, response) => {
    issuer.asked += 1;
    const answer = () => void response.setHeader('content-type', 'application/json').end(KEYS);
    if (issuer.hangs) issuer.goOn = answer;
    else answer();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  jest.restoreAllMocks();
});

/** The subjects of callers by their tokens, or why one is refused; `clock.ms` is the time. */
function identifying() {
  const clock = { ms: 0 };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  const { tokens } = parseConfig({ AUTH_JWKS_URL: url, AUTH_JWT_ISSUER: ISSUER, AUTH_JWT_AUDIENCE: AUDIENCE }).auth;
  if (tokens === undefined) throw new Error('no way to authenticate');
  const metrics = createMetrics();
  const log = createLog({ level: 'silent', readable: false, destination: new Writable() });
  const now = () => clock.ms;
  const { authenticate } = createAuthenticate(tokens, { agentIdOf: () => undefined, log, metrics, now });
  const rateLimit = createRateLimit({ costPerMinute: 0, shared: undefined, onRefused: () => undefined });
  const identify = createIdentify({ authenticate, rateLimit, memory: { isShort: () => false }, log, metrics });
  const ask = (token: string) =>
    identify({
      rawHeaders: ['authorization', `Bearer ${token}`],
      socket: { remoteAddress: NETWORK },
    } as unknown as IncomingMessage).then(
      ({ subject }) => subject,
      (error: unknown) => (error as { readonly status?: number }).status,
    );
  const verified = async () => (await metrics.tokenVerifications.get()).values[0]?.value;
  return { ask, clock, verified };
}

test('while an issuer hangs, tokens that name keys it may have hold up no token of their network that names a known one', async () => {
  const { ask, clock, verified } = identifying();
  expect(await ask(await tokenBy('a', 'ada'))).toBe('ada');
  issuer.hangs = true;
  clock.ms += 10_000;
  const unknown = await Promise.all(Array.from({ length: 100 }, (_, i) => tokenBy(`unknown ${i}`, 'eve')));
  let answered = 0;
  const many = unknown.map((token) => ask(token).finally(() => (answered += 1)));
  await until('the issuer to be asked', () => issuer.asked === 2);
  expect(await ask(await tokenBy('a', 'bob'))).toBe('bob');
  expect([answered, issuer.asked]).toEqual([0, 2]);
  server.closeAllConnections();
  expect(new Set(await Promise.all(many))).toEqual(new Set([401]));
  // Each once, though it is looked at again.
  expect(await verified()).toBe(102);
});

test('tokens that wait for the first keys keep nobody from a turn, and are accepted when these come', async () => {
  issuer.hangs = true;
  const { ask, verified } = identifying();
  const subjects = Array.from({ length: 40 }, (_, i) => `ada ${i}`);
  const many = subjects.map(async (sub) => ask(await tokenBy('a', sub)));
  await until('all to have had a turn', verified, (count) => count === subjects.length);
  await until('the issuer to be asked', () => issuer.asked === 1);
  issuer.goOn();
  expect(await Promise.all(many)).toEqual(subjects);
});
