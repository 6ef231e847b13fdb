import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { HELLO, MUTATION, post, refusalOf } from './refusal.ts';
import { startRefusingGateway } from './refusing-gateway.ts';
import { sendRaw, statusesIn } from './raw-socket.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startRefusingGateway();
});

afterAll(() => gateway.close());

const url = (path: string): string => gateway.url + path;
const get = (parameters: string): string => `/graphql?${parameters}`;
const encode = encodeURIComponent;

describe('an address', () => {
  test.each<[string, string, number, string]>([
    ['without a query', '/graphql', 400, 'Parameter "query": expected a string, got nothing.'],
    [
      'with malformed variables',
      get('query=%7B__typename%7D&variables=%7B'),
      400,
      'Parameter "variables": expected a JSON object, got "{".',
    ],
    [
      'with a list of variables',
      get('query=%7B__typename%7D&variables=[]'),
      400,
      'Parameter "variables": expected a map, got [].',
    ],
    [
      'with variables nested too deeply',
      get(`query=%7B__typename%7D&variables=${'['.repeat(200)}${']'.repeat(200)}`),
      400,
      'Expected JSON of at most 100 levels, got more.',
    ],
    [
      'with a number for extensions',
      get('query=%7B__typename%7D&extensions=1'),
      400,
      'Parameter "extensions": expected a map, got 1.',
    ],
    [
      'with bytes that are not UTF-8',
      get('query=%7B__typename%7D&variables=%7B%22a%22%3A%22%FF%22%7D'),
      400,
      'Expected a query string of percent-encoded UTF-8, got bytes that are not.',
    ],
    ['with a mutation', get(`query=${encode(MUTATION)}`), 405, 'Expected a mutation by POST, got GET.'],
    [
      'that is too long',
      get(`query=${'x'.repeat(20_000)}`),
      431,
      'Expected at most 100 headers, of 16384 bytes with the address, got more.',
    ],
    ...['/', '/graphql/', '//graphql', '/GraphQL', '/graphql%00', '/__proto__', '/constructor'].map(
      (path): [string, string, number, string] => [
        `that is ${path}`,
        path,
        404,
        'Expected one of /graphql, /schema.graphql, /health/live, /health/ready, /metrics; there is nothing at this path.',
      ],
    ),
  ])('%s is refused', async (_, path, ...expected) => {
    const { status, message, code } = await refusalOf(url(path));
    expect([status, message, code]).toEqual([...expected, 'BAD_USER_INPUT']);
  });

  test('with a mutation gets a response that says that POST is allowed', async () => {
    const { response } = await refusalOf(url(get(`query=${encode(MUTATION)}`)));
    expect(response.headers.get('allow')).toBe('POST');
  });

  test.each([
    ['without a query', '/graphql'],
    ['with malformed variables', get('query=%7B__typename%7D&variables=%7B')],
    ['with variables nested too deeply', get(`query=%7B__typename%7D&variables=${'['.repeat(200)}${']'.repeat(200)}`)],
    ['with bytes that are not UTF-8', get('query=%7B__typename%7D&operationName=%FF')],
    ['with a mutation', get(`query=${encode(MUTATION)}`)],
    [
      'with a mutation among queries',
      get(`query=${encode(`query Q { __typename } ${MUTATION.replace('mutation', 'mutation M')}`)}&operationName=M`),
    ],
  ])('%s is refused in the same way if the client asks for an event stream', async (_, path) => {
    const plain = await refusalOf(url(path));
    const stream = await refusalOf(url(path), { headers: { accept: 'text/event-stream' } });
    const told = ({ response, ...rest }: typeof plain) => {
      const { date, ...headers } = Object.fromEntries(response.headers);
      return [rest, typeof date, headers];
    };
    expect(told(stream)).toEqual(told(plain));
  });
});

test.each(['PUT', 'DELETE', 'PATCH', 'PROPFIND', 'QUERY'])(
  '%s is refused, and the response says which methods are allowed',
  async (method) => {
    for (const path of ['/graphql', '/schema.graphql', '/health/live', '/health/ready', '/metrics']) {
      // A gateway reports that it is not ready if its database takes long to answer.
      const response = await until(
        `an answer to ${method} ${path}`,
        () => fetch(url(path), { method }),
        ({ status }) => status !== 503,
      );
      const allow = path === '/graphql' ? 'GET, HEAD, POST, OPTIONS' : 'GET, HEAD, OPTIONS';
      expect([path, response.status, response.headers.get('allow')]).toEqual([path, 405, allow]);
    }
  },
);

test('the response to OPTIONS says which methods are allowed, and allows no other origin', async () => {
  const headers = { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' };
  const response = await fetch(url('/graphql'), { method: 'OPTIONS', headers });
  expect([response.status, response.headers.get('allow')]).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
  expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
});

describe('raw bytes on a socket', () => {
  const head = 'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
  const chunk = `400\r\n${' '.repeat(1_024)}\r\n`;

  test.each<[string, (string | Buffer)[], number[]]>([
    [
      'a body of too many chunks, with more to come',
      [`${head}transfer-encoding: chunked\r\n\r\n`, chunk.repeat(9)],
      [413],
    ],
    [
      'an event stream asked for with a body of too many chunks',
      [`${head}accept: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n`, chunk.repeat(9)],
      [413],
    ],
    ['a body that says it is too long', [`${head}content-length: 999999\r\n\r\n`, ' '.repeat(100)], [413]],
    ['a length below zero', [`${head}content-length: -1\r\n\r\n`], [400]],
    ['two lengths', [`${head}content-length: 26\r\ntransfer-encoding: chunked\r\n\r\n`], [400]],
    [
      'a flood of headers',
      ['GET /health/live HTTP/1.1\r\nhost: localhost\r\n', 'x-flood: 1\r\n'.repeat(2_000), '\r\n'],
      [431],
    ],
    ['no host', ['GET /health/live HTTP/1.1\r\nconnection: close\r\n\r\n'], [400]],
    ['a space in the address', ['GET /graphql?query={ __typename } HTTP/1.1\r\nhost: localhost\r\n\r\n'], [400]],
    ['no HTTP at all', ['hello\r\n\r\n'], [400]],
    ['the preface of HTTP/2', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])], [400]],
    ['a TLS greeting', [Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 0, 0])], [400]],
    ['CONNECT', ['CONNECT db:3306 HTTP/1.1\r\nhost: localhost\r\n\r\n'], [501]],
    [
      'two hosts',
      ['GET /health/live HTTP/1.1\r\nhost: localhost\r\nHost: localhost\r\nconnection: close\r\n\r\n'],
      [400],
    ],
    [
      'an unknown expectation',
      ['GET /health/live HTTP/1.1\r\nhost: localhost\r\nexpect: luck\r\nconnection: close\r\n\r\n'],
      [417],
    ],
    [
      'a body that is too long, of which the client would first ask whether to send it',
      [`${head}expect: 100-continue\r\ncontent-length: 999999\r\n\r\n`],
      [413],
    ],
  ])(
    'that are or contain %s get a response and a closed connection, and others are served',
    async (_, parts, statuses) => {
      const answer = await sendRaw(gateway.url, parts);
      expect([statusesIn(answer), answer.closed]).toEqual([statuses, true]);
      expect(answer.text).not.toMatch(/node_modules|TypeError/);
      if (statuses[0] === 413 || statuses[0] === 431)
        expect(answer.text).toMatch(/connection: close[^]*{"errors":\[{"message":"Expected a/);
      expect((await fetch(url('/graphql'), post(HELLO))).status).toBe(200);
    },
  );

  test('that are half a request do not delay others, and a client that disconnects in the middle is not an error', async () => {
    const { hostname, port } = new URL(gateway.url);
    const starts = [
      'GET /gra',
      head,
      `${head}content-length: 26\r\n\r\n{"que`,
      `${head}transfer-encoding: chunked\r\n\r\n5\r\n{"q`,
    ];
    const sockets = starts.flatMap((start) =>
      Array.from({ length: 10 }, () => connect(Number(port), hostname).setEncoding('utf8')).map((socket) => {
        socket.on('error', () => socket.destroy()).write(start);
        return socket;
      }),
    );
    expect((await fetch(url('/graphql'), post(HELLO))).status).toBe(200);
    for (const socket of sockets) socket.resetAndDestroy();
    // A client that does not wait for the response.
    const impatient = connect(Number(port), hostname);
    impatient.write(`${head}content-length: 26\r\n\r\n${HELLO}`);
    impatient.destroySoon();
    await until(
      'no request to be in flight but the one that asks for it',
      () => gateway.metric('concierge_http_requests_in_flight'),
      (inFlight) => inFlight === 1,
    );
    expect((await fetch(url('/graphql'), post(HELLO))).status).toBe(200);
  });
});
