import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import type { Lookup } from '../../src/cache/lookups.ts';
import { createKnownAnswers } from '../../src/http/known-answers.ts';
import { arrivedText, createKnownRequests, type Arrived } from '../../src/http/known-requests.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { BY_SECRET, tokenOf } from '../access/tokens.ts';
import { PATIENT, startGateway, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';
import { openRaw, type RawConnection } from './raw-connection.ts';

const LIVE = 'GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n';
const NAME = `{ customer(by: { id: "${nodeId('Customer', 1)}" }) { name } }`;
const UPDATE = `mutation { updateCustomer(input: { id: "${nodeId('Customer', 1)}", name: "Ada Changed" }) { userErrors { code } } }`;
const AGENTS = '{ agents(first: 1) { nodes { id } } }';
const lines = (...given: readonly string[]): string => given.map((line) => `${line}\r\n`).join('');
const postHead = (length: number, ...more: readonly string[]): string =>
  `${lines('POST /graphql HTTP/1.1', 'host: localhost', 'content-type: application/json', `content-length: ${length}`, ...more)}\r\n`;

let servers: OwnServers;
let gateway: TestGateway;
let authorization: string;
const opened: RawConnection[] = [];

beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 50, ordersPerCustomer: 1, seed: 1 });
  const [databaseUrl, redisUrl] = [servers.database.url, servers.redis.url];
  gateway = await startGateway({ databaseUrl, redisUrl, settings: { ...PATIENT, ...BY_SECRET } });
  await untilRedisUp(gateway);
  authorization = `authorization: Bearer ${await tokenOf({ scope: 'crm:read' })}`;
});

afterEach(() => {
  for (const connection of opened.splice(0)) connection.close();
});

afterAll(async () => {
  await gateway.close();
  await servers.close();
});

/** A connection on which a request was parsed. */
async function connected(): Promise<RawConnection> {
  const connection = await openRaw(gateway.url);
  opened.push(connection);
  await connection.ask(LIVE);
  return connection;
}

/** Sends what is no whole request, and waits until it has certainly arrived: later requests of another connection have. */
async function sendPart(connection: RawConnection, part: string): Promise<void> {
  await new Promise<void>((resolve) => connection.socket.write(part, 'latin1', () => resolve()));
  const other = await connected();
  for (let sent = 0; sent < 5; sent += 1) await other.ask(LIVE);
}

describe('bytes that are not exactly one request are never known', () => {
  test('line breaks before a request, of whose body the first part is the same as that of another', async () => {
    const [length, more] = [600, authorization];
    const head = postHead(length, more);
    const first = length - head.length;
    const divided = (query: string): [string, string] => {
      const body = JSON.stringify({ filler: '1'.repeat(first), query }).padEnd(length);
      return [`\r\n\r\n${head}${body.slice(0, first)}`, body.slice(first)];
    };
    const [ofNames, ofAgents] = [divided(NAME), divided(AGENTS)];
    // Everything before the request's last part is as long as the first line break says, if that is taken for the end of headers.
    expect(ofNames[0]).toBe(ofAgents[0]);
    expect(ofNames[0]).toHaveLength(length + 4);
    const connection = await connected();
    for (let times = 0; times < 3; times += 1) {
      await sendPart(connection, ofNames[0]);
      expect((await connection.ask(ofNames[1])).body).toContain('"name"');
    }
    const other = await connected();
    await sendPart(other, ofAgents[0]);
    expect((await other.ask(ofAgents[1])).body).toContain('"agents"');
  });

  test.each([
    ['only line breaks', '\r\n\r\n'],
    ['line breaks before it', `\r\n\r\n${LIVE}`],
    ['no end of headers', LIVE.slice(0, -2)],
  ])('%s', (_, bytes) => expect(arrivedText(Buffer.from(bytes))).toBeUndefined());

  test('what has arrived before, if what arrives now waits to be parsed', async () => {
    const begun: string[] = [];
    const known = {
      answer: () => undefined,
      begun: (_: IncomingMessage, { text }: { text: string }) => begun.push(text),
      lookupOf: () => undefined,
      keep: () => undefined,
    };
    const answers = createKnownAnswers(new Socket(), {
      known,
      network: 'test',
      connection: 'test',
      reading: () => ({ stop: () => undefined, goOn: () => undefined, skip: () => undefined }),
      isBetweenRequests: () => true,
      onBusy: () => undefined,
    });
    const request = new IncomingMessage(new Socket());
    // Nothing is looked at in a turn of the event loop that has taken too long already.
    await until('a turn with enough time', () => {
      answers.answer(Buffer.from(LIVE), false);
      answers.begun(request);
      return begun.length > 0;
    });
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise(setImmediate);
      answers.answer(Buffer.from(LIVE), false);
      answers.answer(Buffer.from(LIVE.repeat(2_000)), true);
      answers.begun(request);
    }
    expect(begun).toEqual([LIVE]);
  });

  test('what is not what the parser has read', () => {
    const known = createKnownRequests({
      maxBytes: 1_000_000,
      keepAliveMs: 1_000,
      admission: { admitIfFree: () => () => undefined },
      metrics: createMetrics(),
    });
    const arrived = arrivedText(Buffer.from(LIVE)) as Arrived;
    const lookup = { result: 'BYPASS', reason: 'off' } as unknown as Lookup;
    const lookupFor = (url: string, rawHeaders: string[]) => {
      const request = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url, rawHeaders });
      request.httpVersionMajor = 1;
      request.httpVersion = '1.1';
      known.begun(request, { ...arrived, lookup });
      return known.lookupOf(request);
    };
    expect(lookupFor('/health/live', ['host', 'localhost'])).toBe(lookup);
    expect(lookupFor('/health/ready', ['host', 'localhost'])).toBeUndefined();
    expect(lookupFor('/health/live', ['host', 'elsewhere'])).toBeUndefined();
    expect(lookupFor('/health/live', ['host', 'localhost', 'authorization', 'Bearer x'])).toBeUndefined();
    expect(lookupFor('/health/live', [])).toBeUndefined();
  });
});

test('a request whose condition no longer holds is counted once', async () => {
  const connection = await connected();
  const query = new URLSearchParams({ query: NAME });
  const get = (...more: readonly string[]): string =>
    `${lines(`GET /graphql?${query} HTTP/1.1`, 'host: localhost', 'accept: application/json', authorization, ...more)}\r\n`;
  const etagOf = async (request: string): Promise<string | undefined> =>
    (await connection.ask(request)).headers.find(([name]) => name.toLowerCase() === 'etag')?.[1];
  const conditional = get(`if-none-match: ${(await etagOf(get())) ?? ''}`);
  const known = () => gateway.metric('concierge_http_known_requests_total');
  await until(
    'the request to be known',
    async () => {
      const before = await known();
      const { statusLine } = await connection.ask(conditional, false);
      return statusLine === 'HTTP/1.1 304 Not Modified' && (await known()) > before;
    },
    Boolean,
  );
  const writing = { authorization: `Bearer ${await tokenOf({ scope: 'crm:read crm:write' })}` };
  await gateway.request(UPDATE, { headers: writing });
  // In the cache again, with another ETag.
  await until(
    'the changed response',
    () => connection.ask(get()),
    ({ headers }) => headers.some(([name, value]) => name.toLowerCase() === 'x-cache' && value === 'HIT'),
  );
  const counted = () => gateway.metric('concierge_cache_results_total{result="HIT"}');
  const before = await counted();
  expect((await connection.ask(conditional)).statusLine).toBe('HTTP/1.1 200 OK');
  expect((await counted()) - before).toBe(1);
});

describe('requests that the parser refuses are not known', () => {
  const others = (count: number, line: string) => Array.from({ length: count }, () => line);

  test.each([
    ['with too many headers, of which some make no difference', [...others(90, 'x-own: 1'), ...others(45, 'b3:')]],
    ['with headers of too many bytes', [`x-own: ${'1'.repeat(14_000)}`, `cookie: ${'2'.repeat(3_000)}`]],
  ])('%s', (_, headers) => {
    const known = (more: readonly string[]) => arrivedText(Buffer.from(`${postHead(2, ...more)}{}`, 'latin1'));
    expect(known(headers.filter((line) => line.startsWith('x-own')))).toBeDefined();
    expect(known(headers)).toBeUndefined();
  });
});
