import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { serveFresh } from '../../src/http/fresh-content.ts';
import { read } from '../../src/http/server.ts';
import { serveStatic } from '../../src/http/static-content.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { orGiveUp, until } from '../support/patience.ts';
import { ask, type SentResponse } from './ask.ts';
import { startSmallServer } from './small-server.ts';

let gateway: OwnGateway;
let other: OwnGateway;
beforeAll(async () => {
  [gateway, other] = await Promise.all([startOwnGateway(), startOwnGateway()]);
});
afterAll(async () => {
  await gateway.close();
  await other.close();
});

const decoded = ({ headers, body }: SentResponse): string => {
  const encoding = headers['content-encoding'];
  return (encoding === 'br' ? brotliDecompressSync(body) : encoding === 'gzip' ? gunzipSync(body) : body).toString();
};

describe.each([
  ["GraphiQL's page", '/graphql', 'Accept, Accept-Encoding', { accept: 'text/html' }],
  ['the schema', '/schema.graphql', 'Accept-Encoding', {}],
])('%s', (...[, path, vary, accept]) => {
  const get = (headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
    ask(`${gateway.url}${path}`, { ...accept, ...headers }, { method });

  test.each([
    [undefined, undefined],
    ['', undefined],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
    ['GZIP', 'gzip'],
    ['gzip, br;q=0.9', 'gzip'],
    ['gzip;q=0.001', 'gzip'],
    ['gzip;q=0, br;q=0', undefined],
    ['*', 'br'],
    ['*, br;q=0', 'gzip'],
    ['*;q=0.5, gzip;q=0.5, identity', undefined],
    ['identity;q=0, gzip;q=0.1', 'gzip'],
    ['zstd, deflate', undefined],
    // None of ours is acceptable.
    ['*;q=0', undefined],
    ['zstd, identity;q=0', undefined],
  ])('with Accept-Encoding: %s is sent with the encoding %s, and says the same', async (given, encoding) => {
    const plain = await get();
    const response = await get(given === undefined ? {} : { 'accept-encoding': given });
    expect([response.status, response.headers['content-encoding'], response.headers['vary']]).toEqual([
      ...[200, encoding, vary],
    ]);
    expect(response.headers['content-length']).toBe(String(response.body.length));
    expect(decoded(response) === plain.body.toString()).toBe(true);
    expect(response.body.length < plain.body.length / 2).toBe(encoding !== undefined);
  });

  test('has an ETag for each encoding, which is the same on all gateways', async () => {
    const tags = new Set<string | undefined>();
    for (const encoding of ['br', 'gzip', 'identity']) {
      const { etag } = (await get({ 'accept-encoding': encoding })).headers;
      const there = await ask(`${other.url}${path}`, { ...accept, 'accept-encoding': encoding });
      expect(there.headers['etag']).toBe(etag);
      expect(etag).toMatch(/^"[\w-]{43}"$/);
      tags.add(etag);
    }
    expect(tags.size).toBe(3);
  });

  test('is not sent again to a client that has it', async () => {
    const { etag = '', ...fields } = (await get()).headers;
    for (const have of [etag, `W/${etag}`, '*', ` * `, `"a, b", W/"c",${etag}`]) {
      const { status, headers, body } = await get({ 'if-none-match': have });
      expect([have, status, body.length]).toEqual([have, 304, 0]);
      expect(headers).toMatchObject({ etag, vary, 'cache-control': fields['cache-control'] });
      expect(headers['content-type']).toBeUndefined();
      expect(await get({ 'if-none-match': have }, 'HEAD')).toMatchObject({ status: 304 });
    }
    for (const have of ['', '"x"', etag.slice(1, -1), etag.toUpperCase(), '"*"'])
      expect([have, (await get({ 'if-none-match': have })).status]).toEqual([have, 200]);
    // Another encoding's.
    expect((await get({ 'if-none-match': etag, 'accept-encoding': 'br' })).status).toBe(200);
  });

  test('has the same headers by HEAD, and no body', async () => {
    for (const encoding of ['identity', 'gzip', 'br']) {
      const { date, ...headers } = (await get({ 'accept-encoding': encoding })).headers;
      const head = await get({ 'accept-encoding': encoding }, 'HEAD');
      expect([head.status, typeof date, head.body.length]).toEqual([200, 'string', 0]);
      expect(head.headers).toMatchObject(headers);
    }
  });
});

test("GraphiQL's page may do nothing but what it needs, and cannot be framed", async () => {
  const { headers } = await ask(`${gateway.url}/graphql?query=%7B__typename%7D`, { accept: 'text/html' });
  expect(headers).toMatchObject({
    'cache-control': 'private, no-cache',
    'cross-origin-opener-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
  const policy = (headers['content-security-policy'] ?? '').split('; ').sort();
  const [script = '', ...others] = policy.splice(
    policy.findIndex((part) => part.startsWith('script-src')),
    1,
  );
  expect([script, others]).toEqual([expect.stringMatching(/^script-src( 'sha256-[\w+/]{43}='){2}$/), []]);
  expect(policy).toEqual([
    ...["base-uri 'none'", "connect-src 'self'", "default-src 'none'", 'font-src data:', "form-action 'none'"],
    ...["frame-ancestors 'none'", 'img-src data:', "style-src 'unsafe-inline'", 'worker-src blob:'],
  ]);
});

test.each(['/graphql', '/schema.graphql', '/health/live', '/health/ready', '/metrics', '/nothing'])(
  'no browser guesses another type for %s',
  async (path) => {
    expect((await ask(`${gateway.url}${path}`)).headers['x-content-type-options']).toBe('nosniff');
  },
);

/** Many requests at the same time. */
const askOften = (address: string, times: number) =>
  Promise.all(Array.from({ length: times }, () => ask(address, { 'accept-encoding': 'gzip' })));

describe('static content', () => {
  test('is loaded once, for all requests, and again only if that failed', async () => {
    let loads = 0;
    let load = Promise.withResolvers<void>();
    const content = serveStatic(async () => {
      loads += 1;
      await load.promise;
      return { type: 'text/plain', bytes: Buffer.from('x'.repeat(5_000)) };
    });
    const server = await startSmallServer({ routes: { '/': read(content) } });
    try {
      const failing = askOften(server.url, 20);
      await until('the content to be loaded', () => loads > 0);
      load.reject(new Error('not now'));
      expect(new Set((await orGiveUp('refusals', failing)).map(({ status }) => status))).toEqual(new Set([500]));
      const failed = loads;
      load = Promise.withResolvers();
      const waiting = askOften(server.url, 20);
      load.resolve();
      const responses = [...(await orGiveUp('responses', waiting)), ...(await askOften(server.url, 20))];
      expect(new Set(responses.map(decoded))).toEqual(new Set(['x'.repeat(5_000)]));
      expect(loads).toBe(failed + 1);
    } finally {
      await server.close();
    }
  });

  test('that is short is not compressed', async () => {
    const content = serveStatic(() => ({ type: 'text/plain', bytes: Buffer.from('short') }));
    const server = await startSmallServer({ routes: { '/': read(content) } });
    const { headers, body } = await ask(server.url, { 'accept-encoding': 'gzip' });
    await server.close();
    expect([headers['content-encoding'], headers['vary'], body.toString()]).toEqual([undefined, undefined, 'short']);
  });
});

describe('content of the moment', () => {
  test('is made once at a time, and for each request after it has arrived', async () => {
    let [made, atOnce, most] = [0, 0, 0];
    const gate = Promise.withResolvers<void>();
    const content = serveFresh(async () => {
      made += 1;
      const number = made;
      most = Math.max(most, (atOnce += 1));
      await gate.promise;
      atOnce -= 1;
      return { type: 'text/plain', text: String(number) };
    });
    let arrived = 0;
    const counted = read((request, response) => {
      arrived += 1;
      if (arrived === 101) gate.resolve();
      return content(request, response);
    });
    const server = await startSmallServer({ routes: { '/': counted } });
    try {
      const first = ask(server.url);
      await until('the first request', () => arrived === 1);
      const answers = await orGiveUp('responses', Promise.all([first, askOften(server.url, 100)]));
      expect(answers.flat().map(({ body }) => Number(body))).toEqual([1, ...Array<number>(100).fill(2)]);
      expect([made, most]).toEqual([2, 1]);
      expect((await ask(server.url)).body.toString()).toBe('3');
    } finally {
      await server.close();
    }
  });

  test('that could not be made is refused, and made for the next request', async () => {
    let made = 0;
    const content = serveFresh(async () => {
      made += 1;
      if (made === 1) throw new Error('not now');
      return { type: 'text/plain', text: 'made' };
    });
    const server = await startSmallServer({ routes: { '/': read(content) } });
    const answers = [await ask(server.url), await ask(server.url)];
    await server.close();
    expect(answers.map(({ status }) => status)).toEqual([500, 200]);
  });
});
