import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import { HOSTILE_KINDS, hostileRequest, mutated, type HostileRequest } from '../support/hostile-documents.ts';
import { randomRequest, type Choose } from '../support/random-request.ts';
import { REQUEST_VALUES } from '../support/request-values.ts';
import { startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { createSoak } from '../support/soak.ts';

const REQUESTS = 4_100;
const AT_ONCE = 8;
const MAX_GROWTH_BYTES = 24 * 1024 * 1024;

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
const { seed, again, goesOn, report } = createSoak('fuzz');

let gateway: SeededGateway;
beforeAll(async () => {
  gateway = await startSeededGateway(100);
});
afterAll(() => gateway.close());

/** Mulberry32: the same number gives the same choices. */
function chooser(start: number): Choose {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

// Small pages, since the point is odd documents.
const VALUES = { ...REQUEST_VALUES, first: [1, 2, 3], last: [1, 2, 3] };
const JUNK: readonly unknown[] = [null, -1, 1.5, '', [], {}, true, 'x', [null], { a: 1 }, 2 ** 40];

/** Alternately a valid request, an almost valid one, and a malicious one. */
function requestOf(number: number): HostileRequest {
  const choose = chooser(seed + number * 7_919);
  if (number % 5 === 0) return hostileRequest(number / 5, choose);
  const root = choose(10) === 9 ? 'Mutation' : 'Query';
  const { query, variables } = randomRequest({ schema, choose, values: VALUES, root, selections: 15 });
  if (number % 5 < 3) return { query, variables };
  if (choose(3) > 0) return { query: mutated(query, choose), variables };
  const names = Object.keys(variables);
  const name = names[choose(names.length)] ?? 'v0';
  return { query, variables: { ...variables, [name]: JUNK[choose(JUNK.length)] } };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const EXPECTED = new Set([
  undefined,
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'QUERY_TOO_COMPLEX',
]);

interface ShownError {
  readonly message: string;
  readonly extensions: { readonly code: string };
}

/** Another mutation may delete an object while a mutation's result is read, which is too rare to be relied on. */
const isExpected = ({ message, extensions: { code } }: ShownError): boolean =>
  EXPECTED.has(code) || (code === 'SERVICE_UNAVAILABLE' && message.startsWith('Something was deleted'));

describe('thousands of documents', () => {
  const codes = new Map<string | undefined, number>();
  const surprises: unknown[] = [];

  async function send(number: number): Promise<void> {
    const body = JSON.stringify(requestOf(number));
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body,
    });
    const { errors = [] } = (await response.json()) as { errors?: ShownError[] };
    const code = errors[0]?.extensions.code;
    codes.set(code, (codes.get(code) ?? 0) + 1);
    if (response.status >= 500 || !errors.every(isExpected))
      surprises.push({ number, status: response.status, errors: errors.slice(0, 2), body: body.slice(0, 2_000) });
  }

  async function sendAll(from: number, to: number): Promise<void> {
    let next = from;
    const worker = async () => {
      while (next < to) {
        const number = next;
        next += 1;
        await send(number);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  test('(valid, nearly valid and hostile) are each executed or refused, and leak no memory', async () => {
    // By then all caches, such as that of documents, are full.
    await sendAll(0, REQUESTS * 0.6);
    const before = heapBytes();
    let sent = REQUESTS * 0.6;
    for (; goesOn(sent >= REQUESTS) && surprises.length === 0; sent += REQUESTS / 10)
      await sendAll(sent, sent + REQUESTS / 10);
    const grown = heapBytes() - before;
    report(`${sent} documents; the heap has grown by ${Math.round(grown / 1024)} KiB since ${REQUESTS * 0.6}`);
    expect({ again, surprises: surprises.slice(0, 3) }).toEqual({ again, surprises: [] });
    expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
  });

  test('are of every kind, and cause every kind of refusal', () => {
    // A fifth of all requests are malicious, one kind after the other.
    expect(HOSTILE_KINDS * 20).toBeLessThan(REQUESTS / 5);
    for (const code of EXPECTED) expect(codes.get(code) ?? 0).toBeGreaterThan(80);
  });

  test('send no statement that the server has to stop, and nothing unexpected is logged', () => {
    expect(gateway.logLines.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});
