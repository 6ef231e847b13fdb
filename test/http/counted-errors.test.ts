import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { sendRaw, statusesIn } from './raw-socket.ts';

let gateway: OwnGateway;
beforeAll(async () => {
  gateway = await startOwnGateway({ LIMIT_RECEIVE_MS: '1000', LIMIT_RESPONSE_BYTES: '10000' });
});
afterAll(() => gateway.close());

test.each([
  [400, 'garbage\r\n\r\n'],
  [408, 'GET / HTTP/1.1\r\nHost: local'],
  [431, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  [501, 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
])('an error %d to what is no request is counted by its status', async (status, text) => {
  const counted = () => gateway.metric(`concierge_http_requests_total{status="${status}"}`);
  const before = await counted();
  expect(statusesIn(await sendRaw(gateway.url, [text]))).toEqual([status]);
  expect(await counted()).toBe(before + 1);
});

test.each([
  ['GRAPHQL_PARSE_FAILED', '{'],
  ['GRAPHQL_VALIDATION_FAILED', '{ nobody }'],
  ['QUERY_TOO_COMPLEX', '{ __schema { types { name description fields { name description } } } }'],
  ['BAD_USER_INPUT', '{ a: node(id: "x") { id } b: node(id: "y") { id } }'],
])('a response with %s is counted once by that code', async (code, query) => {
  const counted = () => gateway.metric(`concierge_graphql_errors_total{code="${code}"}`);
  const before = await counted();
  const { errors } = await gateway.request(query);
  expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set([code]));
  expect(await counted()).toBe(before + 1);
});
