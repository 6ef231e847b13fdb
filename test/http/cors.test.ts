import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startBrowser } from '../support/browser.ts';
import { PATIENT, startGateway, untilRedisUp, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { openRaw, type RawConnection } from './raw-connection.ts';

const APP = 'https://app.example.com';
const OTHER = 'https://elsewhere.example';
const HELLO = '{"query":"{ __typename }"}';
const EXPOSED = 'Age, Allow, ETag, GraphQL-Cost, Retry-After, WWW-Authenticate, X-Cache';

let database: TestDatabase;
let page: Server;
let pageOrigin: string;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createDatabase();
  // A page of another origin; a different port is enough.
  page = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>app</title>'));
  page.listen(0, '127.0.0.1');
  await once(page, 'listening');
  pageOrigin = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
  gateway = await startGateway({
    databaseUrl: database.url,
    redisUrl: redisUrl(),
    settings: { ...PATIENT, CACHE_PREFIX: `cors:${process.pid}:`, CORS_ORIGINS: `${APP},${pageOrigin}` },
  });
  await untilRedisUp(gateway);
});

afterAll(async () => {
  page.close();
  await gateway.close();
  await database.drop();
});

/** All CORS headers of a response, and `Vary`. */
function corsOf({ status, headers }: Response): Record<string, unknown> {
  const said = [...headers].filter(([name]) => name.startsWith('access-control-'));
  return { status, vary: headers.get('vary'), ...Object.fromEntries(said) };
}

async function ask(path: string, origin: string | undefined, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const headers = { ...(origin === undefined ? {} : { origin }), ...(init.headers as Record<string, string>) };
  const response = await fetch(`${gateway.url}${path}`, { ...init, headers });
  await response.bytes();
  return corsOf(response);
}

const QUERY = '/graphql?query=%7B__typename%7D';
const asJson = { 'content-type': 'application/json', accept: 'application/graphql-response+json' };

/** What a query by GET gets that a page of an origin has sent that is not listed. */
const statusFor = (path: string, origin: string | undefined, status: number): number =>
  path === QUERY && origin !== undefined && status === 200 ? 403 : status;

const REQUESTS: readonly (readonly [string, number, string, string, RequestInit])[] = [
  ['a POST', 200, 'Origin, Accept', '/graphql', { method: 'POST', headers: asJson, body: HELLO }],
  ['a GET', 200, 'Origin, Accept', QUERY, {}],
  ['an event stream', 200, 'Origin, Accept', QUERY, { headers: { accept: 'text/event-stream' } }],
  ['the page of GraphiQL', 200, 'Origin, Accept, Accept-Encoding', '/graphql', { headers: { accept: 'text/html' } }],
  ['the schema', 200, 'Origin, Accept-Encoding', '/schema.graphql', {}],
  ['a wrong document', 400, 'Origin, Accept', '/graphql', { method: 'POST', headers: asJson, body: '{"query":"{"}' }],
  ['a body that is not JSON', 400, 'Origin, Accept', '/graphql', { method: 'POST', headers: asJson, body: '{' }],
  ['a simple request with a body', 415, 'Origin, Accept', '/graphql', { method: 'POST', body: HELLO }],
  ['another method', 405, 'Origin, Accept', '/graphql', { method: 'DELETE' }],
];

describe.each(REQUESTS)('%s', (...[, status, vary, path, init]) => {
  test('may be read by a page of a listed origin, without credentials', async () => {
    expect(await ask(path, APP, init)).toEqual({
      ...{ status, vary, 'access-control-allow-origin': APP, 'access-control-expose-headers': EXPOSED },
    });
  });

  test.each([OTHER, 'null', `${APP}:8443`, 'http://app.example.com', `${APP}.evil.example`, undefined])(
    'has no CORS headers for %s, and still varies by origin',
    async (origin) => {
      expect(await ask(path, origin, init)).toEqual({ status: statusFor(path, origin, status), vary });
    },
  );
});

describe('a preflight', () => {
  const preflight = (path: string, origin: string) =>
    ask(path, origin, {
      method: 'OPTIONS',
      headers: {
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-client-name',
      },
    });

  test.each([
    ['/graphql', 'GET, HEAD, POST'],
    ['/schema.graphql', 'GET, HEAD'],
  ])('of %s allows its methods and whatever headers are asked for', async (path, methods) => {
    expect(await preflight(path, APP)).toEqual({
      status: 204,
      vary: 'Origin, Access-Control-Request-Headers',
      'access-control-allow-origin': APP,
      'access-control-allow-methods': methods,
      'access-control-allow-headers': 'authorization,content-type,x-client-name',
      'access-control-max-age': '7200',
    });
  });

  test('from another origin allows nothing', async () => {
    expect(await preflight('/graphql', OTHER)).toEqual({ status: 204, vary: 'Origin' });
  });

  test.each(['/health/ready', '/metrics'])('of %s allows nothing, since it is not for web pages', async (path) => {
    expect(await preflight(path, APP)).toEqual({ status: 204, vary: null });
  });
});

describe('a query by GET that a browser says is from a page of another origin', () => {
  const get = (headers: Readonly<Record<string, string>>, path = QUERY) => fetch(`${gateway.url}${path}`, { headers });
  const PLACES = ['cross-site', 'same-site'] as const;

  test.each(PLACES)('(%s) is refused unless the origin is listed', async (site) => {
    for (const headers of [
      { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' },
      { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', accept: 'application/json' },
      { 'sec-fetch-site': site, 'sec-fetch-mode': 'cors', origin: OTHER },
      { 'sec-fetch-site': site, origin: OTHER, accept: 'text/event-stream' },
    ]) {
      const response = await get(headers);
      expect([response.status, await response.json()]).toMatchObject([
        403,
        { errors: [{ extensions: { code: 'FORBIDDEN' } }] },
      ]);
    }
    expect((await get({ 'sec-fetch-site': site, origin: APP })).status).toBe(200);
  });

  test('is refused also if it has been answered from the cache for others', async () => {
    const path = '/graphql?query=%7Bproducts%7BtotalCount%7D%7D';
    await until(
      'a response from the cache',
      () => get({ 'sec-fetch-site': 'same-origin' }, path),
      (response) => response.headers.get('x-cache') === 'HIT',
    );
    expect((await get({ 'sec-fetch-site': 'cross-site' }, path)).status).toBe(403);
  });

  test('is answered for a page of the gateway, what somebody has typed, and other clients; GraphiQL for links, too', async () => {
    for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, {}])
      expect((await get(headers as Record<string, string>)).status).toBe(200);
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', accept: 'text/html' };
    expect((await get(link, '/graphql')).status).toBe(200);
  });
});

describe('a query by GET or HEAD of which the browser does not say where it is from', () => {
  // Pages' names need not be the address at which the test reaches the gateway.
  const HOST = 'crm.localhost:4000';
  let connection: RawConnection;
  beforeEach(async () => void (connection = await openRaw(gateway.url)));
  afterEach(() => connection.close());

  const status = async (
    headers: Readonly<Record<string, string>>,
    { method = 'GET', host = HOST, query = '{__typename}' } = {},
  ) => {
    const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    const path = `/graphql?${new URLSearchParams({ query })}`;
    const hasBody = method !== 'HEAD';
    const first = await connection.ask(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, hasBody);
    const { statusLine } = first.statusLine.includes(' 100 ') ? await connection.next(hasBody) : first;
    return Number(statusLine.split(' ')[1]);
  };

  test.each<[number, Readonly<Record<string, string>>]>([
    [403, { origin: OTHER }],
    [403, { origin: 'null' }],
    [403, { origin: 'http://crm.localhost' }],
    [403, { origin: `http://${HOST}.evil.example` }],
    [403, { origin: `http://evil.${HOST}` }],
    [403, { origin: `${OTHER}, ${APP}` }],
    [403, { origin: OTHER, referer: `${APP}/` }],
    [403, { origin: 'null', referer: `http://${HOST}/graphql` }],
    [403, { referer: `${OTHER}/` }],
    [403, { referer: `${OTHER}/http://${HOST}/` }],
    [403, { referer: `http://${HOST}@elsewhere.example/` }],
    [403, { referer: 'not an address' }],
    [403, { origin: OTHER, expect: '100-continue' }],
    [200, { origin: APP }],
    [200, { origin: APP, referer: `${OTHER}/` }],
    [200, { origin: `http://${HOST}` }],
    [200, { origin: `https://${HOST}` }],
    [200, { referer: `${APP}/customers?page=2` }],
    [200, { referer: `https://${HOST.toUpperCase()}/graphql` }],
    [200, {}],
  ])('gets %s with %j', async (expected, headers) => {
    expect(await status(headers)).toBe(expected);
    expect(await status(headers, { method: 'HEAD' })).toBe(expected);
  });

  test.each<[number, string, string]>([
    [200, 'https://crm.localhost', 'crm.localhost:443'],
    [200, 'http://crm.localhost', 'crm.localhost:80'],
    [200, 'https://crm.localhost', 'crm.localhost'],
    [403, 'https://crm.localhost', 'crm.localhost:80'],
    [403, 'https://crm.localhost:8443', 'crm.localhost'],
  ])('gets %s from %s of %s', async (expected, origin, host) => {
    expect(await status({ origin }, { host })).toBe(expected);
  });

  test.each(['origin', 'referer'])('is refused for its %s also if it is known from others', async (name) => {
    const query = '{ orders { totalCount } }';
    const metric = () => gateway.metric('concierge_http_known_requests_total');
    for (const headers of [{}, { [name]: APP }]) {
      const before = await metric();
      await until(
        'a known request',
        async () => [await status(headers, { query }), await metric()] as const,
        ([answered, known]) => answered === 200 && known > before,
      );
      expect(await status({ [name]: OTHER }, { query })).toBe(403);
    }
  });
});

test('without CORS_ORIGINS, no response has CORS headers or varies by origin', async () => {
  const closed = await startGateway({ databaseUrl: database.url, settings: PATIENT });
  try {
    for (const path of [QUERY, '/schema.graphql']) {
      const said = corsOf(await fetch(`${closed.url}${path}`, { headers: { origin: APP } }));
      expect(said).toEqual(path === QUERY ? { status: 403, vary: 'Accept' } : { status: 200, vary: 'Accept-Encoding' });
    }
  } finally {
    await closed.close();
  }
});

test('a page in a browser can read responses, headers and event streams of a gateway that lists its origin, and of no other', async () => {
  const closed = await startGateway({ databaseUrl: database.url, settings: { ...PATIENT, CORS_ORIGINS: APP } });
  const browser = await startBrowser();
  try {
    const tab = await browser.context.newPage();
    await tab.goto(pageOrigin);
    const seen = await tab.evaluate(
      async ([open, shut]) => {
        const post = (url: string, accept: string) =>
          fetch(`${url}/graphql`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: 'Bearer x', accept },
            body: '{"query":"{ customers { totalCount } }"}',
          });
        const read = async (response: Promise<Response>) => {
          const { status, headers } = await response;
          return [status, headers.get('x-cache'), await (await response).text()];
        };
        return {
          json: await read(post(open ?? '', 'application/json')),
          again: (await read(post(open ?? '', 'application/json')))[1],
          events: await read(post(open ?? '', 'text/event-stream')),
          schema: (await read(fetch(`${open}/schema.graphql`)))[0],
          refused: await read(post(shut ?? '', 'application/json')).catch((error: unknown) => String(error)),
        };
      },
      [gateway.url, closed.url],
    );
    const answer = '{"data":{"customers":{"totalCount":0}}}';
    expect(seen).toEqual({
      json: [200, 'MISS', answer],
      again: 'HIT',
      events: [200, 'HIT', `:\n\nevent: next\ndata: ${answer}\n\nevent: complete\ndata:\n\n`],
      schema: 200,
      refused: 'TypeError: Failed to fetch',
    });
  } finally {
    await browser.close();
    await closed.close();
  }
});
