import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createOutsideInvalidation } from '../../src/cache/outside-invalidation.ts';
import { RedisConnector } from '../../src/cache/redis-connector.ts';
import { startOwnCluster } from '../cache/own-cluster.ts';
import { CHANGED, subscribe } from '../subscriptions/event-reader.ts';
import { PATIENT, startGateway, readinessOf, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createAuthority, type Authority } from './certificates.ts';
import { redisTls, startTlsServers, type TlsServers } from './tls-servers.ts';

const CUSTOMER = '{ customers(first: 1) { nodes { id name } } }';
const CREATE = 'mutation { createCustomer(input: {name: "Ada"}) { customer { id } userErrors { code } } }';
const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { name } userErrors { code } } }';

let ours: Authority;
let others: Authority;
let servers: TlsServers;
const gateways: TestGateway[] = [];
beforeAll(async () => {
  [ours, others] = await Promise.all([createAuthority('ours'), createAuthority('others')]);
  servers = await startTlsServers(await ours.issue(['localhost']), ours.certFile);
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
});
afterAll(async () => {
  await Promise.all([servers.close(), ours.remove(), others.remove()]);
});

async function start(redisUrl: string, settings = {}): Promise<TestGateway> {
  const databaseUrl = servers.database.url;
  const gateway = await startGateway({ databaseUrl, redisUrl, settings: { ...PATIENT, ...settings } });
  gateways.push(gateway);
  return gateway;
}
const tlsUrl = (host: string, parameters: string) => `rediss://${host}:${servers.redisTlsPort}?${parameters}`;

test.each([
  ['localhost', 'ssl-ca=$CA'],
  ['localhost', 'ssl-mode=VERIFY_IDENTITY&ssl-ca=$CA'],
  ['127.0.0.1', 'ssl-mode=VERIFY_CA&ssl-ca=$CA'],
  ['127.0.0.1', 'ssl-mode=REQUIRED'],
])('answers are kept over TLS, at %s with %s', async (host, parameters) => {
  const gateway = await start(tlsUrl(host, parameters.replace('$CA', ours.certFile)));
  await untilRedisUp(gateway);
  // A different query for each case, since they share a Redis.
  const query = `query Q${Buffer.from(host + parameters).toString('hex')} ${CUSTOMER}`;
  await until(
    'a hit',
    () => gateway.request(query),
    ({ headers }) => headers.get('x-cache') === 'HIT',
  );
});

test.each([
  ['one that the authority has not signed', () => tlsUrl('localhost', `ssl-ca=${others.certFile}`), /SELF_SIGNED_CERT/],
  ['one for another name', () => tlsUrl('127.0.0.1', `ssl-ca=${ours.certFile}`), /ERR_TLS_CERT_ALTNAME_INVALID/],
  ['one of an authority that nobody knows', () => tlsUrl('localhost', ''), /SELF_SIGNED_CERT/],
  ['none, since the server has no TLS', () => servers.redis.url.replace('redis:', 'rediss:'), /ETIMEDOUT/],
  ['TLS that was not asked for', () => `redis://localhost:${servers.redisTlsPort}`, /Redis is down/],
])('a gateway runs without Redis if its certificate is %s, and says why', async (_, url, reason) => {
  // A server without TLS waits for the rest of what it takes for a command, until the gateway gives up.
  const gateway = await start(url(), { CACHE_TIMEOUT_MS: '40' });
  await until('the log to say why', () => gateway.logLines.filter((line) => reason.test(line)).length);
  expect((await readinessOf(gateway)).dependencies.redis).toBe('down');
  const { errors, headers } = await gateway.request(CUSTOMER);
  expect([errors, headers.get('x-cache')]).toEqual([[], 'BYPASS']);
});

test('closing connections during their handshake with a server whose certificate nobody knows ends nothing else', async () => {
  const closing = Array.from({ length: 40 }, async () => {
    const port = servers.redisTlsPort;
    const connector = new RedisConnector({ host: 'localhost', port, tls: {}, disconnectTimeout: 60_000 });
    const stream = await connector.connect();
    // As ioredis does. Node.js emits a second error on many of them, which would be an uncaught exception.
    stream.once('error', () => undefined);
    stream.once('connect', () => connector.disconnect());
    await new Promise((resolve) => stream.once('close', resolve));
  });
  await Promise.all(closing);
});

test('a connection that fails leaves its own error, not that of an earlier one', async () => {
  const port = servers.redisTlsPort;
  const connector = new RedisConnector({ host: 'localhost', port, tls: {}, disconnectTimeout: 60_000 });
  for (let i = 0; i < 2; i += 1) {
    const stream = await connector.connect();
    const error = await new Promise((resolve) => stream.once('error', resolve));
    expect(error).toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' });
    expect(connector.firstError).toBe(error);
  }
});

/** A write through one gateway comes to a subscription on another, whose connection for listening is opened then. */
async function expectHeard(first: TestGateway, second: TestGateway): Promise<void> {
  const { createCustomer } = await first.data(CREATE);
  const { id } = createCustomer.customer;
  const stream = await subscribe(second.url, CHANGED, { variables: { id } });
  await stream.next();
  await first.data(UPDATE, { input: { id, name: 'Grace' } });
  expect((await stream.next()).data.data.customerChanged).toMatchObject({ id });
  stream.close();
}

test('a write through one gateway reaches a subscription on another, over TLS', async () => {
  const url = tlsUrl('localhost', `ssl-ca=${ours.certFile}`);
  const [first, second] = await Promise.all([start(url), start(url)]);
  await untilRedisUp(first, second);
  await expectHeard(first, second);
});

test('the CA file is read only at start', async () => {
  const folder = await createTemporaryFolder();
  const file = join(folder.path, 'ca.pem');
  await copyFile(ours.certFile, file);
  const url = tlsUrl('localhost', `ssl-ca=${file}`);
  const [first, second] = await Promise.all([start(url), start(url)]);
  await untilRedisUp(first, second);
  await folder.remove();
  await expectHeard(first, second);
});

test('answers are kept in a cluster over TLS, whose nodes are known by their addresses', async () => {
  const tls = redisTls(await ours.issue(['localhost', '127.0.0.1']), ours.certFile);
  const cluster = await startOwnCluster('a%b', tls);
  const urls = cluster.tlsPorts.map((port) => `rediss://:a%25b@localhost:${port}?ssl-ca=${ours.certFile}`);
  const gateway = await start(urls.join());
  await untilRedisUp(gateway);
  // Enough of them to reach each node.
  for (let i = 0; i < 20; i += 1)
    await until(
      'a hit',
      () => gateway.request(`query Q${i} ${CUSTOMER}`),
      ({ headers }) => headers.get('x-cache') === 'HIT',
    );
  await gateway.close();
  gateways.pop();
  await cluster.close();
});

test('a command invalidates caches over TLS, and says why if it cannot', async () => {
  const place = (ca: string) => ({
    urls: [tlsUrl('localhost', `ssl-ca=${ca}`)],
    prefix: 'tls-test:',
    timeoutMs: 60_000,
  });
  for (const [file, problem] of [
    [ours.certFile, undefined],
    [others.certFile, expect.stringMatching(/certificate/)],
  ] as const) {
    const outside = createOutsideInvalidation(place(file));
    expect(await until('an error', async () => ({ problem: await outside.invalidateAll() }))).toEqual({ problem });
    outside.close();
  }
});
