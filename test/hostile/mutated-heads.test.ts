import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bearing, BY_SECRET, inSeconds, SECRET, tokenOf } from '../access/tokens.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import '../support/fast-check.ts';
import { connectRaw } from './raw-client.ts';

const BATCHES = 500;
const AT_ONCE = 20;
const BODY = '{"query":"{ viewer { subject } agents(first: 1) { nodes { id } } }"}';
const MUTATION = '{"query":"mutation { createAgent: __typename }"}';
const LINE = '\r\n';

let gateway: OwnGateway;
/** What nobody is let in with. */
let heads: readonly string[];
beforeAll(async () => {
  gateway = await startOwnGateway({ ...BY_SECRET, AUTH_EXPLORE: 'scope' });
  const claims = { scope: 'crm:read crm:write crm:pii crm:explore' };
  const forged = await tokenOf(claims, { key: createSecretKey(Buffer.from(`${SECRET}!`)) });
  const expired = await tokenOf({ ...claims, exp: inSeconds(-3_600) });
  const query = encodeURIComponent('{ viewer { subject } }');
  const valid = await tokenOf(claims);
  const request = (start: string, ...lines: readonly string[]): string =>
    [`${start} HTTP/1.1`, 'Host: localhost', 'Accept: application/json', ...lines, '', ''].join(LINE);
  const post = (body: string, ...lines: readonly string[]): string =>
    request('POST /graphql', 'Content-Type: application/json', `Content-Length: ${body.length}`, ...lines) + body;
  heads = [
    post(BODY, `Authorization: Bearer ${forged}`, 'X-Forwarded-For: 10.0.0.1', 'X-Request-Id: 1'),
    post(BODY, `Authorization: Bearer ${expired}`, 'Connection: keep-alive', 'Accept-Encoding: br, gzip'),
    post(BODY, 'Cookie: authorization=Bearer; token=1', 'Origin: https://elsewhere.example'),
    post(MUTATION, `Authorization: ApiKey concierge_${'0'.repeat(43)}`, 'Idempotency-Key: "1"'),
    request(`GET /graphql?query=${query}`, `Authorization: Bearer ${forged}`, 'Apollo-Require-Preflight: 1'),
    request(`GET /graphql?query=${query}`, 'Accept: text/html', 'If-None-Match: *', 'Cache-Control: only-if-cached'),
    // A valid token where it does not count.
    post(`{"query":"{ viewer { subject } }","access_token":"${valid}"}`, `Cookie: access_token=${valid}; a=1`),
    request(`GET /graphql?query=${query}&access_token=${valid}`, 'Apollo-Require-Preflight: 1'),
    request('GET /schema.graphql', `Authorization: Bearer ${expired}`, 'Range: bytes=0-10'),
    `${request('POST /graphql', 'Transfer-Encoding: chunked', 'Content-Type: application/json')}${BODY.length.toString(16)}${LINE}${BODY}${LINE}0${LINE}${LINE}`,
  ];
});
afterAll(() => gateway.close());

/** What parsers have been confused by. */
const PARTS = [
  ...[
    '\r',
    '\n',
    LINE,
    LINE + LINE,
    ' ',
    '\t',
    '\0',
    ':',
    ',',
    ';',
    '"',
    '%',
    '/',
    '?',
    '\u00ff',
    '\u0080',
    '{',
    '\u{1f600}',
  ],
  ...[
    'Authorization: Bearer',
    'Bearer ',
    'authorization:',
    'Content-Length: 0',
    'Transfer-Encoding: chunked',
    'Expect: 100-continue',
  ],
  ...[
    'HTTP/1.0',
    'HTTP/2.0',
    'Upgrade: h2c',
    'Connection: upgrade',
    'Host: other',
    '-1',
    '1e9',
    '0x10',
    'eyJhbGciOiJub25lIn0.e30.',
  ],
  'a'.repeat(20_000),
];

/** Changes of a text, one after the other: some of it is left out, said twice, or something else put in. */
const changed = fc.array(
  fc.record({
    // Not more often at the first byte than anywhere else.
    at: fc.noBias(fc.nat(9_999)).map((part) => part / 10_000),
    length: fc.nat(30),
    kind: fc.constantFrom('drop', 'repeat', 'insert', 'byte'),
    part: fc.constantFrom(...PARTS),
    byte: fc.nat(255),
  }),
  { minLength: 1, maxLength: 2 },
);
type Change = Parameters<Parameters<typeof changed.map>[0]>[0][number];

function change(text: string, { at, length, kind, part, byte }: Change): string {
  const start = Math.floor(at * text.length);
  const [before, taken, after] = [text.slice(0, start), text.slice(start, start + length), text.slice(start + length)];
  switch (kind) {
    case 'drop':
      return before + after;
    case 'repeat':
      return before + taken + taken + after;
    case 'insert':
      return before + part + taken + after;
    case 'byte':
      return before + String.fromCharCode(byte) + taken.slice(1) + after;
  }
}

/** Sends it on a connection of its own, and returns everything that is answered. */
async function answerTo(text: string): Promise<string> {
  const client = await connectRaw(Number(new URL(gateway.url).port));
  // The server may close before everything is sent.
  client.socket.on('error', () => undefined).end(Buffer.from(text, 'latin1'));
  const answer = await client.closed;
  client.socket.destroy();
  return answer;
}

test('of ten thousand requests with changed headers none is let in, and others are served meanwhile', async () => {
  const headers = bearing(await tokenOf({ scope: 'crm:read' }));
  const seen = new Map<string, number>();
  const mutated = fc.tuple(fc.nat(7), changed).map(([i, changes]) => changes.reduce(change, heads[i] ?? ''));
  await fc.assert(
    fc.asyncProperty(fc.array(mutated, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (texts) => {
      const others = gateway.request('{ viewer { subject } }', { headers });
      const answers = await Promise.all(texts.map(answerTo));
      for (const [i, answer] of answers.entries()) {
        for (const [, status = ''] of answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm))
          seen.set(status, (seen.get(status) ?? 0) + 1);
        if (/"data":|"subject"|type Query|<html/i.test(answer) || /^HTTP\/1\.1 (2(?!04)|3|5)/m.test(answer))
          throw new Error(`${JSON.stringify(texts[i])} got ${answer}`);
      }
      expect((await others).data).toEqual({ viewer: { subject: 'ada' } });
    }),
    { numRuns: BATCHES },
  );
  // Many are read as requests, and many are not.
  expect(seen.get('401')).toBeGreaterThan(2 * BATCHES);
  expect(seen.get('400')).toBeGreaterThan(2 * BATCHES);
  expect(gateway.logLines.filter((line) => /"level":(?:50|60)/.test(line))).toEqual([]);
});
