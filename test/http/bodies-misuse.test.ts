import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestGateway } from '../support/gateway.ts';
import { HELLO, MUTATION, post, refusalOf } from './refusal.ts';
import { sendRaw, statusesIn } from './raw-socket.ts';
import { MAX_BYTES, startRefusingGateway } from './refusing-gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startRefusingGateway();
});

afterAll(() => gateway.close());

type Case = [string, string | Buffer<ArrayBuffer>, number, string, string];

const UNREADABLE: Case[] = [
  ['that is empty', '', 400, 'BAD_USER_INPUT', 'Expected a JSON object, got nothing.'],
  ['of malformed JSON', '{"query":', 400, 'BAD_USER_INPUT', 'Expected a JSON object, got malformed JSON.'],
  ['with something after it', `${HELLO} x`, 400, 'BAD_USER_INPUT', 'Expected a JSON object, got malformed JSON.'],
  [
    'that is an array',
    `[${HELLO}]`,
    400,
    'BAD_USER_INPUT',
    'Expected a JSON object, got an array: batches are not supported.',
  ],
  ['that is null', 'null', 400, 'BAD_USER_INPUT', 'Expected a JSON object, got null.'],
  ['that is a text', '"query"', 400, 'BAD_USER_INPUT', 'Expected a JSON object, got "query".'],
  ['without a query', '{}', 400, 'BAD_USER_INPUT', 'Parameter "query": expected a string, got nothing.'],
  [
    'that hides its query in __proto__',
    `{"__proto__":${HELLO}}`,
    400,
    'BAD_USER_INPUT',
    'Parameter "query": expected a string, got nothing.',
  ],
  [
    'without a query, and with the persisted one given as something else',
    '{"extensions":{"persistedQuery":"abc"}}',
    400,
    'BAD_USER_INPUT',
    'Parameter "extensions.persistedQuery": expected a map, got "abc".',
  ],
  [
    'with a persisted query of another version',
    '{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"a"}}}',
    400,
    'BAD_USER_INPUT',
    'Parameter "extensions.persistedQuery.version": expected 1, got 2.',
  ],
  [
    'with a number for the hash of a persisted query',
    '{"extensions":{"persistedQuery":{"version":1,"sha256Hash":7}}}',
    400,
    'BAD_USER_INPUT',
    'Parameter "extensions.persistedQuery.sha256Hash": expected a hash, got 7.',
  ],
  [
    'with an empty id of a document',
    '{"documentId":""}',
    400,
    'BAD_USER_INPUT',
    'Parameter "documentId": expected 1 to 1000 characters, got "".',
  ],
  [
    'with a document and the id of one',
    '{"query":"{ __typename }","documentId":"a"}',
    400,
    'BAD_USER_INPUT',
    'Expected a parameter "query" or "documentId", got both.',
  ],
  ['with a number for a query', '{"query":1}', 400, 'BAD_USER_INPUT', 'Parameter "query": expected a string, got 1.'],
  [
    'with a list of variables',
    '{"query":"{ __typename }","variables":[1]}',
    400,
    'BAD_USER_INPUT',
    'Parameter "variables": expected a map, got [1].',
  ],
  [
    'with a text for extensions',
    '{"query":"{ __typename }","extensions":"x"}',
    400,
    'BAD_USER_INPUT',
    'Parameter "extensions": expected a map, got "x".',
  ],
  [
    'with a number for an operation name',
    '{"query":"{ __typename }","operationName":7}',
    400,
    'BAD_USER_INPUT',
    'Parameter "operationName": expected a string, got 7.',
  ],
  [
    'of bytes that are not UTF-8',
    Buffer.from(HELLO.replace('__typename', 'ü'), 'latin1'),
    400,
    'BAD_USER_INPUT',
    'Expected a body in UTF-8, got bytes that are not.',
  ],
  [
    'of nothing but brackets',
    '['.repeat(4_000) + ']'.repeat(4_000),
    400,
    'BAD_USER_INPUT',
    'Expected JSON of at most 100 levels, got more.',
  ],
  [
    'with variables that are nested too deeply',
    `{"query":"{ customers { totalCount } }","variables":{"a":${'['.repeat(100)}${']'.repeat(100)}}}`,
    400,
    'BAD_USER_INPUT',
    'Expected JSON of at most 100 levels, got more.',
  ],
  [
    'that is too long',
    ' '.repeat(MAX_BYTES + 1),
    413,
    'BAD_USER_INPUT',
    'Expected a body of at most 8192 bytes, got more.',
  ],
];

const WRONG_DOCUMENTS: Case[] = [
  ['with an empty query', '{"query":" "}', 400, 'GRAPHQL_PARSE_FAILED', 'Syntax Error: Unexpected <EOF>.'],
  [
    'naming an operation that does not exist',
    '{"query":"query A { __typename }","operationName":"B"}',
    400,
    'BAD_USER_INPUT',
    'Parameter "operationName": the document has no operation "B".',
  ],
  [
    'naming none of several operations',
    '{"query":"query A { __typename } query B { __typename }"}',
    400,
    'BAD_USER_INPUT',
    'Parameter "operationName": expected the name of one of the document\'s operations, got nothing.',
  ],
  [
    'with half a surrogate pair',
    '{"query":"{ \\ud83d }"}',
    400,
    'GRAPHQL_PARSE_FAILED',
    'Syntax Error: Invalid character: U+D83D.',
  ],
  [
    'with a document of too many tokens',
    JSON.stringify({ query: `{ ${'a '.repeat(50)} }` }),
    400,
    'QUERY_TOO_COMPLEX',
    'Expected at most 50 tokens in a document, got more.',
  ],
];

/** A POST that asks for an event stream. */
const streamed = (body: string | Buffer<ArrayBuffer>): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
  body,
});

describe('a body', () => {
  test.each([...UNREADABLE, ...WRONG_DOCUMENTS])('%s is refused', async (_, body, ...expected) => {
    const { status, code, message } = await refusalOf(`${gateway.url}/graphql`, post(body));
    expect([status, code, message]).toEqual(expected);
  });

  test.each(UNREADABLE)(
    '%s is refused in the same way if the client asks for an event stream',
    async (...[, body, , ,]) => {
      const url = `${gateway.url}/graphql`;
      const [plain, stream] = [await refusalOf(url, post(body)), await refusalOf(url, streamed(body))];
      // Apart from the date and the media type, which may differ.
      const told = ({ response, ...rest }: typeof plain) => {
        const { date, 'content-type': type, ...headers } = Object.fromEntries(response.headers);
        return [rest, typeof date, typeof type, headers];
      };
      expect(stream.response.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(told(stream)).toEqual(told(plain));
    },
  );

  test.each(WRONG_DOCUMENTS)('%s is refused with the same code in an event stream', async (_, body, ...[, code]) => {
    const response = await fetch(`${gateway.url}/graphql`, streamed(body));
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(await response.text()).toMatch(new RegExp(`^event: next\ndata: {"errors":.*"code":"${code}"`, 'm'));
  });

  test('that is much too long is refused with a response that arrives while the client is still sending', async () => {
    const head = 'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
    const body = Buffer.alloc(5_000_000, ' ');
    for (let i = 0; i < 10; i += 1) {
      const { text, closed } = await sendRaw(gateway.url, [`${head}content-length: ${body.length}\r\n\r\n`, body]);
      expect([statusesIn({ text, closed }), closed]).toEqual([[413], true]);
      expect(text).toContain('Expected a body of at most 8192 bytes, got more.');
    }
  });

  test('in thousands of tiny chunks closes its connection', async () => {
    const head = 'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
    const chunks = '1\r\n \r\n'.repeat(4_000);
    const { text, closed } = await sendRaw(gateway.url, [`${head}transfer-encoding: chunked\r\n\r\n${chunks}`]);
    expect([text, closed]).toEqual(['', true]);
    // As some clients that compute their bodies send it.
    const few = Array.from(HELLO, (byte) => `1\r\n${byte}\r\n`).join('');
    const answer = await sendRaw(
      gateway.url,
      [`${head}transfer-encoding: chunked\r\n\r\n${few}0\r\n\r\n`],
      (received) => received.includes('"data"'),
    );
    expect(statusesIn(answer)).toEqual([200]);
  });

  test('with exactly as many bytes and tokens as allowed is accepted', async () => {
    for (const request of [post(HELLO.padEnd(MAX_BYTES)), streamed(HELLO.padEnd(MAX_BYTES))])
      expect((await fetch(`${gateway.url}/graphql`, request)).status).toBe(200);
    const query = `{ ${Array.from({ length: 48 / 3 }, (_, i) => `a${i}:__typename`).join(' ')} }`;
    expect((await fetch(`${gateway.url}/graphql`, post(JSON.stringify({ query })))).status).toBe(200);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/graphql',
    'application/json; charset=latin1',
    'application/jsonx',
  ])(
    'of type %s, which a page may be able to send without a preflight, is refused, also for an event stream',
    async (type) => {
      const bodies = [`query=${encodeURIComponent(MUTATION)}`, JSON.stringify({ query: MUTATION })];
      for (const accept of ['*/*', 'text/event-stream', 'text/html'])
        for (const body of bodies) {
          const headers = { 'content-type': type, accept };
          const { status, message } = await refusalOf(`${gateway.url}/graphql`, { method: 'POST', headers, body });
          if (accept !== 'text/html')
            expect([status, message]).toEqual([
              415,
              `Expected content type application/json in UTF-8, got ${JSON.stringify(type)}.`,
            ]);
          expect(status).toBeGreaterThan(400);
        }
    },
  );

  test('without a content type, or compressed, is refused', async () => {
    const bare = await refusalOf(`${gateway.url}/graphql`, { method: 'POST', body: Buffer.from(HELLO) });
    expect([bare.status, bare.message]).toEqual([415, 'Expected content type application/json in UTF-8, got none.']);
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const packed = await refusalOf(`${gateway.url}/graphql`, { method: 'POST', headers, body: gzipSync(HELLO) });
    expect([packed.status, packed.message]).toEqual([415, 'Expected a body without content encoding, got "gzip".']);
  });
});
