import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCompression } from '../../src/compression.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { ask, type SentResponse } from './ask.ts';

type Fields = Readonly<Record<string, string>>;

let database: TestDatabase;
let gateway: TestGateway;
let uncompressed: TestGateway;
let serial = 0;
beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 60, ordersPerCustomer: 1, seed: 1 });
  const start = (settings: Fields) =>
    startGateway({
      databaseUrl: database.url,
      redisUrl: redisUrl(),
      settings: { CACHE_PREFIX: `${new URL(database.url).pathname}:`, ...PATIENT, ...settings },
    });
  [gateway, uncompressed] = await Promise.all([start({}), start({ COMPRESSION_MIN_BYTES: '0' })]);
  await untilRedisUp(gateway, uncompressed);
});
afterAll(async () => {
  await gateway.close();
  await uncompressed.close();
  await database.drop();
});

/** A query that was not asked before, whose response is large or small. */
const newQuery = (first = 50): string =>
  `{ q${(serial += 1)}: customers(first: ${first}) { nodes { id name email } } }`;
const get = (query: string, headers: Fields = {}, { method = 'GET', url = gateway.url } = {}): Promise<SentResponse> =>
  ask(`${url}/graphql?query=${encodeURIComponent(query)}`, headers, { method });
const accepting = (encoding: string): Fields => ({ 'accept-encoding': encoding });
const encodingOf = ({ headers }: SentResponse) => headers['content-encoding'];
const cacheOf = ({ headers }: SentResponse) => headers['x-cache'];
const decoded = ({ headers, body }: SentResponse): string => {
  const encoding = headers['content-encoding'];
  return (encoding === 'br' ? brotliDecompressSync(body) : encoding === 'gzip' ? gunzipSync(body) : body).toString();
};
const compressionsOf = async (run: () => Promise<unknown>): Promise<number> => {
  const before = await gateway.metric('concierge_http_compressions_total');
  await run();
  return (await gateway.metric('concierge_http_compressions_total')) - before;
};

describe('a response', () => {
  test.each([
    [undefined, undefined],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['gzip, br;q=0.9', 'gzip'],
    ['gzip;q=0, br;q=0', undefined],
    ['identity, *;q=0.5', undefined],
    ['zstd', undefined],
  ])('to a client with Accept-Encoding: %s has the encoding %s, and the same content', async (given, encoding) => {
    const query = newQuery();
    const headers = given === undefined ? {} : accepting(given);
    const [plain, first, second] = [await get(query), await get(query, headers), await get(query, headers)];
    expect([first, second].map(encodingOf)).toEqual([encoding, encoding]);
    expect([first, second].map(cacheOf)).toEqual(['HIT', 'HIT']);
    for (const answer of [first, second]) {
      expect(decoded(answer)).toBe(plain.body.toString());
      expect(answer.headers['content-length']).toBe(String(answer.body.length));
      expect(answer.headers['vary']).toBe('Accept, Accept-Encoding, Authorization, graphql-cost, graphql-cache');
      expect(answer.body.length < plain.body.length / 2).toBe(encoding !== undefined);
    }
  });

  test('that is small is compressed only for a client that takes nothing else', async () => {
    const query = newQuery(1);
    expect(encodingOf(await get(query, accepting('gzip')))).toBeUndefined();
    const forced = await get(query, accepting('gzip, identity;q=0'));
    expect([encodingOf(forced), JSON.parse(decoded(forced))]).toEqual(['gzip', { data: expect.anything() }]);
  });

  test('is compressed once for each encoding, however often it is asked for, and again after a write', async () => {
    const query = newQuery();
    const everybody = async () => {
      for (const encoding of ['br', 'gzip', 'br', 'gzip', 'identity']) await get(query, accepting(encoding));
    };
    expect(await compressionsOf(everybody)).toBe(2);
    expect(await compressionsOf(everybody)).toBe(0);
    const together = newQuery();
    await get(together);
    const many = () => Promise.all(Array.from({ length: 10 }, () => get(together, accepting('br'))));
    expect(await compressionsOf(many)).toBeLessThan(10);
    await gateway.data('mutation { createCustomer(input: {name: "Ada"}) { customer { id } } }');
    const after = await get(query, accepting('br'));
    expect([cacheOf(after), decoded(after).includes('Ada')]).toEqual(['MISS', true]);
    expect(decoded(await get(query, accepting('gzip')))).toBe(decoded(after));
  });

  test('has an ETag for each encoding, which HEAD and 304 have too', async () => {
    const query = newQuery();
    const tags = new Set<string>();
    for (const encoding of ['identity', 'gzip', 'br']) {
      const { etag = '', 'content-length': length } = (await get(query, accepting(encoding))).headers;
      tags.add(etag);
      const known = await get(query, { ...accepting(encoding), 'if-none-match': etag });
      expect([known.status, known.headers['etag'], known.headers['vary'], encodingOf(known)]).toEqual([
        ...[304, etag, 'Accept, Accept-Encoding, Authorization, graphql-cost, graphql-cache', undefined],
      ]);
      const head = await get(query, accepting(encoding), { method: 'HEAD' });
      expect([head.headers['etag'], head.headers['content-length'], head.body.length]).toEqual([etag, length, 0]);
      expect(encodingOf(head)).toBe(encoding === 'identity' ? undefined : encoding);
    }
    expect(tags.size).toBe(3);
    const [brotliTag = ''] = [...tags].toReversed();
    expect((await get(query, { ...accepting('gzip'), 'if-none-match': brotliTag })).status).toBe(200);
  });

  test.each([
    ['introspection', '{ __schema { types { name description fields { name description } } } }', {}],
    ['a cost', newQuery(), { 'graphql-cost': 'report' }],
    ['errors', `{ ${Array.from({ length: 15 }, (_, i) => `a${i}: node(id: "${i}") { id }`).join(' ')} }`, {}],
  ])('with %s is compressed, and not stored', async (...[, query, headers]) => {
    for (const encoding of ['gzip', 'gzip']) {
      const answer = await get(query, { ...headers, ...accepting(encoding) });
      expect([encodingOf(answer), answer.headers['cache-control'], answer.headers['etag']]).toEqual([
        ...[encoding, 'no-store', undefined],
      ]);
      expect(JSON.parse(decoded(answer))).toBeInstanceOf(Object);
    }
  });

  test('in an event stream is not compressed', async () => {
    const answer = await get(newQuery(), { ...accepting('gzip'), accept: 'text/event-stream' });
    expect([encodingOf(answer), answer.body.toString()]).toEqual([undefined, expect.stringContaining('event: next')]);
  });

  test('is not compressed by a gateway with COMPRESSION_MIN_BYTES=0, not even if another one stored it so', async () => {
    const query = newQuery();
    await get(query, accepting('gzip'));
    const answer = await get(query, accepting('gzip, identity;q=0'), { url: uncompressed.url });
    expect([cacheOf(answer), encodingOf(answer)]).toEqual(['HIT', undefined]);
  });
});

describe('compression', () => {
  const accepted = { preferred: 'gzip', takesIdentity: true } as const;
  const { signal } = new AbortController();
  const large = (bytes: number) => ({ bytes: Buffer.alloc(bytes, 'x'), etag: undefined });

  test('is left out for those who would wait long for others, and for clients that are gone', async () => {
    const metrics = createMetrics();
    const compress = createCompression({ minBytes: 1, metrics });
    const first = compress(large(8 * 1024 * 1024), { accepted, signal });
    expect(await compress(large(2_000), { accepted, signal })).toBeUndefined();
    expect((await first)?.encoding).toBe('gzip');
    expect(await compress(large(2_000), { accepted, signal: AbortSignal.abort() })).toBeUndefined();
    expect((await compress(large(2_000), { accepted, signal }))?.bytes.length).toBeLessThan(200);
    expect((await metrics.compressions.get()).values.map(({ labels, value }) => [labels.encoding, value])).toEqual([
      ['identity', 1],
      ['gzip', 2],
    ]);
  });
});
