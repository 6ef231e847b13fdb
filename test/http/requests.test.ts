import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema, isEnumType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { sendRaw, statusesIn } from './raw-socket.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const RESPONSE_TYPE = 'application/graphql-response+json; charset=utf-8';
const NAMED = 'query Named($id: ID!) { node(id: $id) { id } } query Other { __typename }';

let gateway: OwnGateway;

beforeAll(async () => {
  gateway = await startOwnGateway();
});

afterAll(() => gateway.close());

/** Sends a GET with these parameters, or a POST with them as its JSON body. */
async function send(
  method: 'GET' | 'POST',
  parameters: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
) {
  const texts = Object.entries(parameters).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const url = `${gateway.url}/graphql`;
  const asJson = { 'content-type': 'application/json', ...headers };
  const response =
    method === 'GET'
      ? await fetch(`${url}?${new URLSearchParams(texts).toString()}`, { headers })
      : await fetch(url, { method: 'POST', headers: asJson, body: JSON.stringify(parameters) });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

describe.each(['GET', 'POST'] as const)('a request by %s', (method) => {
  test.each([
    ['a document alone', { query: '{ __typename }' }, { data: { __typename: 'Query' } }],
    [
      'variables, an operation name and extensions',
      { query: NAMED, operationName: 'Other', variables: { unused: [1, { a: null }] }, extensions: { client: 'test' } },
      { data: { __typename: 'Query' } },
    ],
    [
      'variables beyond ASCII',
      {
        query: 'query($by: String!) { searchCustomers(text: $by) { totalCount } }',
        variables: { by: '张伟 + ü & 😀' },
      },
      { data: { searchCustomers: { totalCount: 0 } } },
    ],
    [
      'an empty operation name, which counts as none',
      { query: '{ __typename }', operationName: '' },
      expect.anything(),
    ],
    ['a field without meaning', { query: '{ __typename }', somethingElse: '1' }, { data: { __typename: 'Query' } }],
  ])('may have %s', async (_, parameters, expected) => {
    const answer = await send(method, parameters);
    expect(answer).toMatchObject({ status: 200, type: JSON_TYPE });
    expect(JSON.parse(answer.body)).toEqual(expected);
    expect(JSON.parse(answer.body).errors).toBeUndefined();
  });

  test.each<[string | undefined, number, string]>([
    [undefined, 200, JSON_TYPE],
    ['', 200, JSON_TYPE],
    ['*/*', 200, JSON_TYPE],
    ['application/*', 200, JSON_TYPE],
    ['application/json', 200, JSON_TYPE],
    ['APPLICATION/JSON', 200, JSON_TYPE],
    ['application/json; charset=utf-8', 200, JSON_TYPE],
    ['application/json; charset="UTF-8"', 200, JSON_TYPE],
    ['application/graphql-response+json', 200, RESPONSE_TYPE],
    ['application/json, application/graphql-response+json', 200, RESPONSE_TYPE],
    ['application/graphql-response+json;q=0.1, application/json;q=0.5', 200, JSON_TYPE],
    ['application/graphql-response+json;q=0.9, application/json;q=0.5', 200, RESPONSE_TYPE],
    ['application/graphql-response+json;q=0, */*', 200, JSON_TYPE],
    ['application/json;q=0, */*', 200, RESPONSE_TYPE],
    ['application/json;foo=1;q=0.5', 200, JSON_TYPE],
    ['text/html;q=0, application/json', 200, JSON_TYPE],
    ['application/json, text/html;q=0.5', 200, JSON_TYPE],
    ['application/json, text/html', 200, JSON_TYPE],
    ['text/html, */*', 200, JSON_TYPE],
    // RFC 9110, 12.5.1: the most specific range counts, in whatever order they come.
    ['application/json;q=0, */*;q=0.5', 200, RESPONSE_TYPE],
    ['application/json;charset=utf-8, application/json;q=0', 200, JSON_TYPE],
    ['application/json;q=0, application/json;charset=utf-8', 200, JSON_TYPE],
    ['application/json, application/json;v=1;q=0', 200, JSON_TYPE],
    ['application/json;profile="a,b;q=0"', 200, JSON_TYPE],
    ['application/json;q=0;charset=utf-8, application/json', 406, JSON_TYPE],
    ['application/json\t; Q=0', 406, JSON_TYPE],
    ['application/json; charset=latin1', 406, JSON_TYPE],
    ['application/json;q=0', 406, JSON_TYPE],
    ['application/json;q=0;v=1', 406, JSON_TYPE],
    ['application/json;q=0.0', 406, JSON_TYPE],
    ['text/plain', 406, JSON_TYPE],
    ['multipart/mixed', 406, JSON_TYPE],
    ['nonsense', 406, JSON_TYPE],
    [',;,', 406, JSON_TYPE],
  ])('with Accept: %s gets %i and %s', async (accept, status, type) => {
    const headers: Record<string, string> = accept === undefined ? {} : { accept };
    expect(await send(method, { query: '{ __typename }' }, headers)).toMatchObject({ status, type });
  });

  test('that is invalid gets 400 for the newer media type, and 200 for application/json', async () => {
    const older = await send(method, { query: '{ nope }' }, { accept: 'application/json' });
    const newer = await send(method, { query: '{ nope }' }, { accept: 'application/graphql-response+json' });
    expect([older.status, newer.status]).toEqual([200, 400]);
    expect(newer.body).toBe(older.body);
    expect(JSON.parse(newer.body)).not.toHaveProperty('data');
  });
});

test.each(['GET', 'POST'] as const)(
  'an event stream for a query by %s has the result and then completes',
  async (method) => {
    const parameters = {
      query: 'query A { __typename } query B($text: String!) { searchCustomers(text: $text) { totalCount } }',
      operationName: 'B',
      variables: { text: '张伟 ü 😀' },
      extensions: { client: 'test' },
    };
    expect(await send(method, parameters, { accept: 'text/event-stream' })).toEqual({
      status: 200,
      type: 'text/event-stream',
      body: ':\n\nevent: next\ndata: {"data":{"searchCustomers":{"totalCount":0}}}\n\nevent: complete\ndata:\n\n',
    });
  },
);

test.each([
  // As urql asks for queries and subscriptions.
  [
    'application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed',
    'application/graphql-response+json; charset=utf-8',
  ],
  ['text/event-stream, multipart/mixed', 'text/event-stream'],
  ['Text/Event-Stream', 'text/event-stream'],
  ['text/event-stream, application/json;q=0', 'text/event-stream'],
  ['text/event-stream;q=0.9, application/json;q=0.8', 'application/json; charset=utf-8'],
  ['text/event-stream, */*;q=0.1', 'application/json; charset=utf-8'],
  ['text/event-stream;q=0.8, application/json;q=0.9', 'application/json; charset=utf-8'],
  ['text/event-stream;q=0, */*', 'application/json; charset=utf-8'],
])('the response to a query that accepts %s is in %s', async (accept, type) => {
  const headers = { 'content-type': 'application/json', accept };
  const answer = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers, body: '{"query":"{ __typename }"}' });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
  expect(await answer.text()).toContain('{"data":{"__typename":"Query"}}');
});

test.each<[string, number, string, RequestInit]>([
  ['a result', 200, '{ __typename }', { headers: { accept: 'application/json' } }],
  ['an invalid document', 400, '{ nope }', { headers: { accept: 'application/graphql-response+json' } }],
  ['an event stream', 200, '{ __typename }', { headers: { accept: 'text/event-stream' } }],
  ['a type that does not exist', 406, '{ __typename }', { headers: { accept: 'text/plain' } }],
  ['no document', 400, '', { headers: { accept: 'application/json' } }],
  ['an event stream of nothing', 400, '', { headers: { accept: 'text/event-stream' } }],
  ['a mutation', 405, 'mutation { deleteCustomer(input: { id: "x" }) { deletedCustomerId } }', {}],
  ['a body of another type', 415, '', { method: 'POST', body: 'x' }],
])('the response has Vary: Accept, whatever it is (%s)', async (...[, status, query, init]) => {
  const address = `${gateway.url}/graphql${query === '' ? '' : `?query=${encodeURIComponent(query)}`}`;
  const response = await fetch(address, init);
  await response.bytes();
  expect([response.status, response.headers.get('vary')]).toEqual([status, 'Accept']);
});

test.each(['Text/HTML', 'Text/HTML, text/event-stream;q=0.5', 'TEXT/HTML, application/json;q=0.5'])(
  'a page is a page in any letter case, and runs no operation: %s',
  async (accept) => {
    const query = new URLSearchParams({ query: 'subscription { customerChanged(id: "Q3VzdG9tZXI6MQ") { name } }' });
    const page = await fetch(`${gateway.url}/graphql?${query}`, { headers: { accept } });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html']);
    expect(await page.text()).toContain('<title>');
  },
);

test('text/html gets GraphiQL by GET, and 406 by POST', async () => {
  const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
  const page = await fetch(`${gateway.url}/graphql`, { headers: { accept } });
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html']);
  expect(await page.text()).toMatch(/^\s*<!doctype html>/);
  expect(await send('POST', { query: '{ __typename }' }, { accept: 'text/html' })).toMatchObject({ status: 406 });
});

describe('/', () => {
  const ask = (accept: string, init: RequestInit = {}) =>
    fetch(`${gateway.url}/`, { redirect: 'manual', ...init, headers: { accept } });

  test('redirects a browser to GraphiQL', async () => {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const response = await ask(accept);
    const { headers } = response;
    expect([response.status, headers.get('location'), headers.get('vary'), await response.text()]).toEqual([
      ...[302, '/graphql', 'Accept', ''],
    ]);
    const followed = await fetch(`${gateway.url}/?from=bookmark`, { headers: { accept } });
    expect([followed.url, followed.headers.get('content-type')]).toEqual([`${gateway.url}/graphql`, 'text/html']);
  });

  test.each<[string, RequestInit]>([
    ['*/*', {}],
    ['application/json', {}],
    ['application/json, text/html', {}],
    ['text/html, */*', {}],
    ['text/html;q=0, */*', {}],
    ['text/html', { method: 'POST', body: 'x' }],
  ])('is 404 for a client that does not ask for a page: Accept: %s %j', async (accept, init) => {
    const response = await ask(accept, init);
    expect([response.status, response.headers.get('content-type')]).toEqual([404, JSON_TYPE]);
  });
});

test.each([
  'application/json',
  'APPLICATION/JSON',
  'application/json; charset=utf-8',
  'application/json;charset=UTF8',
  'application/json ; charset="utf-8"',
  'application/json; profile=x',
  'application/json; profile="; charset=latin1"',
])('a body of type %s is read', async (type) => {
  expect(await send('POST', { query: '{ __typename }' }, { 'content-type': type })).toMatchObject({ status: 200 });
});

test('a byte order mark before the body is ignored', async () => {
  const headers = { 'content-type': 'application/json' };
  const body = '\uFEFF{"query":"{ __typename }"}';
  const answer = await fetch(`${gateway.url}/graphql`, { method: 'POST', headers, body });
  expect(await answer.json()).toEqual({ data: { __typename: 'Query' } });
});

const get = (query: string): string =>
  `GET /graphql?query=${encodeURIComponent(query)} HTTP/1.1\r\nhost: localhost\r\naccept: application/graphql-response+json\r\n\r\n`;

test('requests that are pipelined on one socket get their responses in order, even if one of them is invalid', async () => {
  const post =
    'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello';
  const last = get('{ third: __typename }').replace('host: localhost', 'host: localhost\r\nconnection: close');
  const answer = await sendRaw(gateway.url, [get('{ customers { totalCount } }') + get('{ nope }') + post + last]);
  expect(statusesIn(answer)).toEqual([200, 400, 415, 200]);
  expect(answer.text).toMatch(/"totalCount":0[^]*nope[^]*text\/plain[^]*"third"/);
});

test('a request target in absolute form, as proxies get it, means its path', async () => {
  const absolute = (origin: string) => get('{ customers { totalCount } }').replace('GET ', `GET ${origin}`);
  const query = '?query=%7B__typename%7D HTTP/1.1\r\nhost: localhost\r\n';
  const answer = await sendRaw(gateway.url, [
    absolute('http://localhost') + absolute('HTTPS://LOCALHOST:1'),
    `GET http://localhost/graphqls${query}\r\nGET http://localhost${query}connection: close\r\n\r\n`,
  ]);
  expect(statusesIn(answer)).toEqual([200, 200, 404, 404]);
  expect(answer.text.match(/"totalCount":0/g)).toHaveLength(2);
});

describe('/schema.graphql', () => {
  test('is the file, byte for byte, by GET and HEAD', async () => {
    const file = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8');
    const answer = await fetch(`${gateway.url}/schema.graphql`);
    expect(answer.headers.get('content-type')).toBe('application/graphql; charset=utf-8');
    expect(await answer.text()).toBe(file);
    const plain = { 'accept-encoding': 'identity' };
    const head = await fetch(`${gateway.url}/schema.graphql`, { method: 'HEAD', headers: plain });
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(file)));
  });

  test('describes every type, field, argument, input field, enum value and directive', async () => {
    const schema = buildSchema(await (await fetch(`${gateway.url}/schema.graphql`)).text());
    const bare: string[] = [];
    let described = 0;
    const check = (name: string, { description }: { description?: string | null | undefined }): void => {
      if ((description ?? '').trim().length < 5) bare.push(name);
      else described += 1;
    };
    for (const type of Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'))) {
      check(type.name, type);
      if (isObjectType(type) || isInterfaceType(type))
        for (const field of Object.values(type.getFields())) {
          check(`${type.name}.${field.name}`, field);
          for (const argument of field.args) check(`${type.name}.${field.name}(${argument.name}:)`, argument);
        }
      if (isInputObjectType(type))
        for (const field of Object.values(type.getFields())) check(`${type.name}.${field.name}`, field);
      if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value);
    }
    const own = schema.getDirectives().filter(({ name }) => ['cacheControl', 'cost', 'listSize'].includes(name));
    expect(own.length).toBe(3);
    for (const directive of own)
      for (const part of [directive, ...directive.args]) check(`@${directive.name} ${part.name}`, part);
    expect(bare).toEqual([]);
    expect(described).toBeGreaterThan(300);
  });
});
