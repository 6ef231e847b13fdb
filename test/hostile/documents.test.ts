import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSoak } from '../support/soak.ts';
import { startSmallHeapGateway, type SmallHeapGateway } from './small-heap-gateway.ts';

const MEGABYTE = 1024 * 1024;
const HEAP_MEGABYTES = 256;
/** What a process takes besides the old generation of its heap: the young one, code, buffers, what the collector has not returned. */
const MARGIN_MEGABYTES = 256;

const list = (count: number, one: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => one(i)).join(' ');

interface Kind {
  /** A request of this kind, another one for each number, with the id of a customer. */
  readonly request: (number: number, id: string) => { readonly query: string; readonly variables?: object };
  readonly count: number;
  /** How often each is sent: from the second time it is kept. */
  readonly times?: number;
  readonly code?: string;
}

/** Some of them once filled a heap of this size, the others took too long or weighed more than they seemed to. */
const KINDS: Readonly<Record<string, Kind>> = {
  'fragments over every type': {
    request: (n) => ({
      query: `{ ${list(40, (i) => `a${i}: node(id: "x") { ...F }`)} x${n}: __typename }
        fragment F on Node { ${list(10, (i) => `f${i}: id`)} }`,
    }),
    count: 50,
    times: 2,
    code: 'QUERY_TOO_COMPLEX',
  },
  'fragments over every type, within the limits': {
    request: (n, id) => ({
      query: `{ ${list(12, (i) => `a${i}: node(id: "${id}") { ...F }`)} x${n}: __typename }
        fragment F on Node { ${list(3, (i) => `f${i}: id`)} }`,
    }),
    count: 80,
    times: 2,
  },
  'many fragments': {
    request: (n, id) => ({
      query: `{ node(id: "${id}") { ${list(135, (i) => `...F${i}`)} x${n}: id } }
        ${list(135, (i) => `fragment F${i} on Node { id }`)}`,
    }),
    count: 60,
    times: 2,
  },
  'many errors': {
    request: (n) => ({ query: `{ ${list(1_900, (i) => `a${n}x${i}`)} }` }),
    count: 30,
    code: 'GRAPHQL_VALIDATION_FAILED',
  },
  'errors of short documents': {
    request: (n) => ({ query: `{ a${n} b c d e f g h i j }` }),
    count: 500,
    code: 'GRAPHQL_VALIDATION_FAILED',
  },
  'literals of many pieces': {
    request: (n) => ({ query: `{ a${n}: nodes(ids: ["${String.raw`\n-`.repeat(50_000)}"]) { id } }` }),
    count: 60,
    code: 'BAD_USER_INPUT',
  },
  'plans for each value of many conditions': {
    request: (n) => ({
      query: `query(${list(40, (i) => `$c${i}: Boolean!`)}) { agents(first: 1) { nodes { ${list(40, (i) => `id @include(if: $c${i})`)} } } }`,
      variables: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`c${i}`, (n >> (i % 10)) % 2 === 1])),
    }),
    count: 300,
  },
  'requests with many variables': {
    request: (n) => ({
      query: `query Q${n}(${list(240, (i) => `$a${i}: ID = ""`)}) { nodes(ids: [${list(240, (i) => `$a${i}`)}]) { id } }`,
    }),
    count: 30,
    times: 2,
    code: 'BAD_USER_INPUT',
  },
  'requests with many values': {
    request: (n) => ({
      query: 'query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }',
      variables: { ids: Array.from({ length: 90 }, () => 'x'.repeat(190)), n },
    }),
    count: 120,
    times: 2,
    code: 'BAD_USER_INPUT',
  },
  'fragments that double, but have no fields': {
    request: (n) => ({
      query: `{ a${n}: __typename ...F0 } ${list(60, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)}`,
    }),
    count: 20,
    code: 'QUERY_TOO_COMPLEX',
  },
  'repeated fields of an unused fragment': {
    request: (n) => ({ query: `{ a${n}: __typename } fragment F on Agent { ${'id '.repeat(1_900)} }` }),
    count: 20,
    code: 'QUERY_TOO_COMPLEX',
  },
  'inputs with thousands of unknown fields': {
    request: (n) => ({
      query: 'query($filter: CustomerFilter) { customers(filter: $filter) { totalCount } }',
      variables: { filter: Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [`x${n}x${i}`, 1])) },
    }),
    count: 15,
    code: 'BAD_USER_INPUT',
  },
};

describe('a gateway with a heap of 256 MB', () => {
  let gateway: SmallHeapGateway;
  let before: unknown;
  let id: string;
  const BYSTANDER = '{ customers(first: 1) { totalCount nodes { id } } }';
  beforeAll(async () => {
    gateway = await startSmallHeapGateway(HEAP_MEGABYTES);
    const create = 'mutation { createCustomer(input: { name: "Ann" }) { customer { id } } }';
    const created = (await gateway.ask(create)) as { data: { createCustomer: { customer: { id: string } } } };
    ({ id } = created.data.createCustomer.customer);
    before = await gateway.ask(BYSTANDER);
  });
  afterAll(() => gateway.close());

  test.each(Object.entries(KINDS))('outlives %s, sent with ever new names', async (_, kind) => {
    const { request, count, times = 1, code } = kind;
    const { goesOn } = createSoak('documents', { parts: Object.keys(KINDS).length });
    for (let number = 0; goesOn(number >= count); number += 1)
      for (let time = 0; time < times; time += 1) {
        const { codes } = await gateway.send(request(number, id));
        if (codes[0] !== code) throw new Error(`expected ${code ?? 'no error'}, got ${codes[0]}`);
      }
    expect(await gateway.metric('concierge_kept_bytes')).toBeLessThanOrEqual(64 * MEGABYTE);
  });

  test('has kept much, takes no more memory than it may, and answers others as before', async () => {
    expect(await gateway.metric('concierge_kept_bytes')).toBeGreaterThan(32 * MEGABYTE);
    const resident = await gateway.metric('process_resident_memory_bytes');
    expect(resident).toBeLessThan((HEAP_MEGABYTES + MARGIN_MEGABYTES) * MEGABYTE);
    expect(await gateway.ask(BYSTANDER)).toEqual(before);
  });
});
