import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { parseApiKeyAction, runApiKeys } from '../../src/cli/api-keys.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { parseConfig } from '../../src/config.ts';
import { createArrivals } from '../../src/http/arrivals.ts';
import { createHttpServer, read } from '../../src/http/server.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { bearing, BY_SECRET, tokenOf } from '../access/tokens.ts';
import { captureCli } from '../cli/captured-cli.ts';
import { PATIENT, startGateway, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { openRaw, type RawConnection, type RawResponse } from './raw-connection.ts';

const KNOWN = 'concierge_http_known_requests_total';
const ID = nodeId('Customer', 1);
const NAME = `{ customer(by: {id: "${ID}"}) { name } }`;
const PAGE = '{ customers(first: 50) { nodes { id name email createdAt } } }';
const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';

type Headers = Readonly<Record<string, string>>;

/** A request as clients send it. */
function post(query: string, more: Headers = {}): string {
  const body = JSON.stringify({ query });
  const headers = { host: 'localhost', 'content-type': 'application/json', 'content-length': body.length, ...more };
  return `${head('POST', '/graphql', headers)}${body}`;
}
const get = (query: string, more: Headers = {}, method = 'GET'): string =>
  head(method, `/graphql?${new URLSearchParams({ query })}`, {
    host: 'localhost',
    accept: 'application/json',
    ...more,
  });
const head = (method: string, path: string, headers: Readonly<Record<string, string | number>>): string =>
  `${method} ${path} HTTP/1.1\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

let servers: OwnServers;
let gateway: TestGateway;
const opened: { close(): unknown }[] = [];
beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 200, ordersPerCustomer: 1, seed: 1 });
  gateway = await started();
});
afterEach(async () => void (await Promise.all(opened.splice(0).map((one) => one.close()))));
afterAll(async () => {
  await gateway.close();
  await servers.close();
});

async function started(settings: Headers = {}): Promise<TestGateway> {
  const [databaseUrl, redisUrl] = [servers.database.url, servers.redis.url];
  const one = await startGateway({ databaseUrl, redisUrl, settings: { ...PATIENT, ...settings } });
  await untilRedisUp(one);
  return one;
}
/** A gateway for one test. */
async function own(settings: Headers): Promise<TestGateway> {
  const one = await started(settings);
  opened.push(one);
  return one;
}
async function connected(to = gateway): Promise<RawConnection> {
  const connection = await openRaw(to.url);
  opened.push(connection);
  return connection;
}
/** The response to a request, and whether it was known. */
async function asked(
  connection: RawConnection,
  request: string | readonly string[],
  { of = gateway, hasBody = true }: { of?: TestGateway; hasBody?: boolean } = {},
): Promise<{ response: RawResponse; isKnown: boolean }> {
  const before = await of.metric(KNOWN);
  const response = await connection.ask(request, hasBody);
  return { response, isKnown: (await of.metric(KNOWN)) > before };
}
/** Sends a request until it is known. Returns the last response before, and the first one that was not parsed for. */
async function untilKnown(connection: RawConnection, request: string, options: Parameters<typeof asked>[2] = {}) {
  let parsed: RawResponse | undefined;
  const { response } = await until(
    'a known request',
    async () => {
      const result = await asked(connection, request, options);
      if (!result.isKnown) parsed = result.response;
      return result;
    },
    ({ isKnown }) => isKnown,
  );
  return { parsed, response };
}
const withoutTimes = (response: RawResponse | undefined) => ({
  ...response,
  headers: response?.headers
    .map(([name, value]) =>
      [name.toLowerCase(), ['age', 'date'].includes(name.toLowerCase()) ? 'TIME' : value].join(': '),
    )
    .toSorted(),
});

describe('a request that was answered before', () => {
  test.each([
    ['POST', post(NAME), true],
    ['POST of a page', post(PAGE), true],
    ['POST that accepts br', post(PAGE, { 'accept-encoding': 'br' }), true],
    ['GET', get(NAME), true],
    ['GET that accepts gzip', get(PAGE, { 'accept-encoding': 'gzip' }), true],
    ['HEAD', get(NAME, {}, 'HEAD'), false],
    ['POST for the newer media type', post(NAME, { accept: 'application/graphql-response+json' }), true],
  ])('by %s is answered as one that is parsed', async (_, request, hasBody) => {
    const { parsed, response } = await untilKnown(await connected(), request, { hasBody });
    expect(withoutTimes(response)).toEqual(withoutTimes(parsed));
    expect(response.headers).toContainEqual(['x-cache', 'HIT']);
    const ofTimes = Object.fromEntries(response.headers.map(([name, value]) => [name.toLowerCase(), value]));
    expect(ofTimes['age']).toMatch(/^\d+$/);
    expect(new Date(ofTimes['date'] ?? '').toUTCString()).toBe(ofTimes['date']);
  });

  test('with a condition that holds is answered without a body', async () => {
    const connection = await connected();
    const { response } = await untilKnown(connection, get(PAGE));
    const etag = response.headers.find(([name]) => name === 'etag')?.[1] ?? '';
    const found = await untilKnown(connection, get(PAGE, { 'if-none-match': etag }), { hasBody: false });
    expect(found.response.statusLine).toBe('HTTP/1.1 304 Not Modified');
    expect(withoutTimes(found.response)).toEqual(withoutTimes(found.parsed));
    // What comes next on the connection is its own response.
    expect((await connection.ask(get(PAGE))).body).toBe(response.body);
  });

  test('to a page of another origin has its CORS headers', async () => {
    const origin = 'https://app.example.com';
    const of = await own({ CORS_ORIGINS: origin });
    const { response, parsed } = await untilKnown(await connected(of), post(NAME, { origin }), { of });
    expect(withoutTimes(response)).toEqual(withoutTimes(parsed));
    expect(response.headers).toContainEqual(['access-control-allow-origin', origin]);
    const other = await (await connected(of)).ask(post(NAME, { origin: 'https://other.example.com' }));
    expect(other.headers.map(([name]) => name)).not.toContain('access-control-allow-origin');
  });

  test('is known on every connection but for its first request, which the parser must see', async () => {
    for (let connections = 0; connections < 3; connections += 1) {
      const connection = await connected();
      expect((await asked(connection, post(NAME))).isKnown).toBe(false);
      await untilKnown(connection, post(NAME));
    }
  });

  test('is known by what responses depend on', async () => {
    const connection = await connected();
    await untilKnown(connection, post(NAME));
    const isKnown = async (headers: Headers) => (await asked(connection, post(NAME, headers))).isKnown;
    // Others each time: if responses depended on them, none of these requests would be known.
    await until('a request with new headers to be known', () => {
      const id = randomUUID();
      return isKnown({ traceparent: `00-${id}-2-01`, cookie: `a=${id}; c`, 'X-Request-ID': id, 'User-Agent': id });
    });
    for (const headers of [
      { 'x-other': '1' },
      { 'accept-encoding': 'br' },
      { 'graphql-cost': 'report' },
      { 'cache-control': 'no-cache' },
      { 'user-agent': 'caf\u{e9}' },
      { 'x-forwarded-for': `1${', 1'.repeat(2_000)}` },
      { connection: 'close' },
    ])
      expect({ headers, isKnown: await isKnown(headers) }).toEqual({ headers, isKnown: false });
    // More than are allowed.
    const many = Object.fromEntries(Array.from({ length: 110 }, (_, i) => [`x-b3-${i}`, '1']));
    const next = await connected();
    await untilKnown(next, post(NAME));
    expect((await next.ask(post(NAME, many))).statusLine).toMatch(/^HTTP\/1\.1 431 /);
  });

  test.each([
    ['comes in two parts', (request: string) => [request.slice(0, -10), request.slice(-10)]],
    ['whose headers come in two parts', (request: string) => [request.slice(0, 30), request.slice(30)]],
    ['follows a line break', (request: string) => [`\r\n${request}`]],
  ])('and %s is answered in the same way', async (_, divided) => {
    const connection = await connected();
    const { response } = await untilKnown(connection, post(NAME));
    expect((await connection.ask(divided(post(NAME)))).body).toBe(response.body);
    await untilKnown(connection, post(NAME));
  });

  test('and comes together with others is answered in their order', async () => {
    const connection = await connected();
    await untilKnown(connection, post(NAME));
    const other = '{ customers(first: 3) { nodes { id } } }';
    connection.socket.write(post(NAME) + post(other) + post(NAME));
    const bodies = [await connection.next(), await connection.next(), await connection.next()].map(({ body }) => body);
    expect(bodies.map((body) => Object.keys((JSON.parse(body) as { data: object }).data))).toEqual([
      ['customer'],
      ['customers'],
      ['customer'],
    ]);
  });

  test('is not answered from before a write', async () => {
    const connection = await connected();
    for (const name of ['First', 'Second', 'Third']) {
      await untilKnown(connection, post(NAME));
      expect(await gateway.data(UPDATE, { input: { id: ID, name } })).toEqual({ updateCustomer: { userErrors: [] } });
      expect(JSON.parse((await asked(connection, post(NAME))).response.body)).toEqual({ data: { customer: { name } } });
    }
  });

  test('is answered from Redis if its response is not in memory', async () => {
    const of = await own({ CACHE_NEAR_BYTES: '0' });
    const connection = await connected(of);
    const { parsed, response } = await untilKnown(connection, post(PAGE), { of });
    expect(withoutTimes(response)).toEqual(withoutTimes(parsed));
    expect(response.headers).toContainEqual(['x-cache', 'HIT']);
    const updated = await gateway.data(UPDATE, { input: { id: nodeId('Customer', 200), name: 'Newer' } });
    expect(updated).toEqual({ updateCustomer: { userErrors: [] } });
    // It is not there any more.
    const after = await asked(connection, post(PAGE), { of });
    expect([after.isKnown, after.response.headers]).toEqual([false, expect.arrayContaining([['x-cache', 'MISS']])]);
    expect(after.response.body).toContain('"name":"Newer"');
    // Of another length.
    expect((await untilKnown(connection, post(PAGE), { of })).response.body).toBe(after.response.body);
  });

  test('is executed if Redis does not answer', async () => {
    const of = await own({ CACHE_NEAR_BYTES: '0', CACHE_TIMEOUT_MS: '500' });
    const connection = await connected(of);
    const { response } = await untilKnown(connection, post(PAGE), { of });
    const redis = new Redis(servers.redis.url);
    // Look-ups have a command that counts as a write. What pauses everything cannot be ended.
    await redis.client('PAUSE', 600_000, 'WRITE');
    const { body, headers } = await connection.ask(post(PAGE));
    expect(body).toBe(response.body);
    expect(headers).toContainEqual(['x-cache', 'BYPASS']);
    await redis.client('UNPAUSE');
    redis.disconnect();
  });
});

describe('a caller whose request was answered before', () => {
  test('is asked for a token that is still valid', async () => {
    const of = await own(BY_SECRET);
    const connection = await connected(of);
    const valid = bearing(await tokenOf({ scope: 'crm:read' }));
    await untilKnown(connection, post(NAME, valid), { of });
    const without = bearing(await tokenOf({ scope: '' }));
    const told = { accept: 'application/graphql-response+json', ...without };
    // As often as it is asked, it is neither known nor answered otherwise.
    for (let i = 0; i < 3; i += 1) {
      const { isKnown, response } = await asked(connection, post(NAME, told), { of });
      expect([isKnown, response.statusLine]).toEqual([false, 'HTTP/1.1 403 Forbidden']);
      const said = 'Bearer realm="concierge", error="insufficient_scope", scope="crm:read"';
      expect(response.headers).toContainEqual(['www-authenticate', said]);
    }
    expect((await asked(connection, post(NAME), { of })).response.statusLine).toBe('HTTP/1.1 401 Unauthorized');
    const ending = bearing(await tokenOf({ scope: 'crm:read', exp: Math.ceil(Date.now() / 1_000) }));
    const first = await connection.ask(post(NAME, ending));
    expect(first.statusLine).toBe('HTTP/1.1 200 OK');
    const { statusLine } = await until(
      'the token to expire',
      () => connection.ask(post(NAME, ending)),
      (response) => response.statusLine !== 'HTTP/1.1 200 OK',
    );
    expect(statusLine).toBe('HTTP/1.1 401 Unauthorized');
  });

  test('is refused once the API key is revoked', async () => {
    const of = await own({ AUTH_API_KEYS: 'true', AUTH_EXPLORE: 'scope' });
    const said = async (...[action, id, options]: Parameters<typeof parseApiKeyAction>): Promise<string> => {
      const { cli, output } = captureCli();
      await runApiKeys(parseApiKeyAction(action, id, options), cli, servers.database.url);
      return output();
    };
    const made = await said('create', undefined, { name: 'one', scopes: 'crm:read', expires: '90d' });
    const request = post(NAME, bearing(/concierge_\w+/.exec(made)?.[0] ?? ''));
    const connection = await connected(of);
    await untilKnown(connection, request, { of });
    await said('revoke', /Key (\d+)/.exec(made)?.[1], {});
    await until(
      'the key to be refused',
      () => connection.ask(request),
      ({ statusLine }) => statusLine === 'HTTP/1.1 401 Unauthorized',
    );
  });

  test('spends cost', async () => {
    const of = await own({ LIMIT_COST_PER_MINUTE: '300' });
    const connection = await connected(of);
    await untilKnown(connection, post(NAME), { of });
    const { body } = await until(
      'the cost to be spent',
      async () => {
        for (let sent = 0; sent < 50; sent += 1) await connection.ask(post(NAME));
        return connection.ask(post(NAME));
      },
      ({ statusLine }) => statusLine === 'HTTP/1.1 429 Too Many Requests',
    );
    expect(body).toContain('RATE_LIMITED');
  });
});

describe('a connection with known requests', () => {
  test('is not taken for one on which no request arrives', async () => {
    const of = await own({ LIMIT_RECEIVE_MS: '1000' });
    const connection = await connected(of);
    await untilKnown(connection, post(NAME), { of });
    /** Whether all requests were known that were answered until a connection without a whole request was refused. */
    const areKnownMeanwhile = async (): Promise<boolean> => {
      const never = await connected(of);
      never.socket.write('POST /graphql HTTP/1.1\r\n');
      let refused: RawResponse | undefined;
      const waiting = never.next().then((response) => (refused = response));
      let areKnown = true;
      await until(
        'an unfinished request to be refused',
        async () => {
          const { isKnown } = await asked(connection, post(NAME), { of });
          areKnown &&= isKnown;
          return refused;
        },
        (response) => response !== undefined,
      );
      expect((await waiting).statusLine).toBe('HTTP/1.1 408 Request Timeout');
      return areKnown;
    };
    // On a busy machine, a gateway may have to make sure in between that it may answer from memory.
    await until('all requests meanwhile to be known', areKnownMeanwhile, (areKnown) => areKnown);
  });

  /** A server on which every request but the first of a connection is known, with a response that no system takes at once. */
  const withLargeResponse = async (stallMs: number) => {
    const large = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 16000000\r\n\r\n${'x'.repeat(16_000_000)}`);
    let answered = 0;
    const { limits } = parseConfig({});
    const metrics = createMetrics();
    const server = createHttpServer({
      routes: { '/': read((_, response) => void response.writeHead(200, { 'content-length': 0 }).end()) },
      limits: { ...limits, stallMs },
      arrivals: createArrivals(limits.bufferBytes),
      known: {
        answer: () => ({ head: large, body: undefined, count: () => (answered += 1) }),
        begun: () => undefined,
        lookupOf: () => undefined,
        keep: () => undefined,
      },
      log: createLog({ level: 'silent', readable: false, destination: new PassThrough() }),
      metrics,
    });
    const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    const connection = await openRaw(url);
    opened.push(connection, { close: () => server.stop({ drainMs: 0, withinMs: 0 }) });
    await connection.ask(head('GET', '/', { host: 'localhost' }));
    connection.socket.pause();
    connection.socket.write(head('GET', '/', { host: 'localhost' }));
    await until('the request to be answered', () => answered === 1);
    return { connection, server, metrics, answered: () => answered };
  };

  test('is closed if its client reads nothing', async () => {
    const { metrics, connection, answered } = await withLargeResponse(100);
    // Nothing more is read from it.
    connection.socket.write(head('GET', '/', { host: 'localhost' }));
    await until(
      'the connection to be cut',
      async () => (await metrics.connectionsCut.get()).values.map(({ labels, value }) => `${labels.reason} ${value}`),
      (cut) => cut.includes('stalled 1'),
    );
    expect(answered()).toBe(1);
  });

  test('is closed after what is being sent, when the server stops', async () => {
    const { connection, server } = await withLargeResponse(600_000);
    const stopped = server.stop({ drainMs: 0, withinMs: 600_000 });
    const response = connection.next();
    connection.socket.resume();
    expect((await response).body).toHaveLength(16_000_000);
    await stopped;
    await until('the connection to be closed', () => connection.isClosed());
  });

  test('says that it will be closed while its gateway stops', async () => {
    const of = await started();
    const connection = await connected(of);
    await untilKnown(connection, post(NAME), { of });
    connection.socket.write(post(NAME));
    const closed = of.close();
    const response = await connection.next();
    expect([response.statusLine, ...response.headers.map(String)]).toEqual(
      expect.arrayContaining(['HTTP/1.1 200 OK', 'connection,close']),
    );
    await closed;
    await until('the connection to be closed', () => connection.isClosed());
  });
});
