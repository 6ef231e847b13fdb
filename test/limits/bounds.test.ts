import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway, type Answer } from '../support/gateway.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { until } from '../support/patience.ts';

let gateway: OwnGateway;
beforeAll(async () => {
  gateway = await startOwnGateway();
});
afterAll(() => gateway.close());

const refusals = ({ data, errors }: Answer) => ({
  data,
  errors: errors.map(({ message, extensions }) => [extensions.code, message]),
});
const tooComplex = (...messages: string[]) => ({
  data: undefined,
  errors: messages.map((message) => ['QUERY_TOO_COMPLEX', message]),
});
const isTaken = async (query: string, variables = {}) => {
  const { errors } = await gateway.request(query, { variables });
  expect(errors).toEqual([]);
};
const many = (count: number, one: (i: number) => string) => Array.from({ length: count }, (_, i) => one(i)).join(' ');

/** Requests an event stream. */
const streamed = (query: string, signal?: AbortSignal) =>
  fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
    ...(signal && { signal }),
  });

/** A query with this many levels of fields, at least 4: an agent, its customers, their owner and so on. */
function levels(count: number): string {
  const names = ['customers(first: 1)', 'nodes', 'owner'];
  const inner = Array.from({ length: count - 3 }, (_, i) => names[i % 3] ?? '');
  // Anything that is not a leaf must end with one.
  return `{ agents(first: 1) { nodes { ${inner.join(' { ')} { __typename } ${'}'.repeat(inner.length - 1)} } } }`;
}

describe('depth', () => {
  test('of 12 levels is accepted, and one of 13 is refused with the actual value and the limit', async () => {
    await isTaken(levels(12));
    expect(refusals(await gateway.request(levels(13)))).toEqual(
      tooComplex('Expected at most 12 levels of fields, got 13.'),
    );
  });

  test('is the same with named and inline fragments', async () => {
    const query = `{ ...A } fragment A on Query { agents(first: 1) { nodes { ...B } } }
      fragment B on Agent { customers(first: 1) { ... { nodes { ... on Node { ...C } } } } }
      fragment C on Customer { owner { customers(first: 1) { nodes { owner { customers(first: 1) { nodes { ...D } } } } } } }
      fragment D on Customer { owner { customers { __typename } } }`;
    expect(refusals(await gateway.request(query))).toEqual(tooComplex('Expected at most 12 levels of fields, got 13.'));
  });

  test('includes fields that a variable may skip, and only those of the operation that runs', async () => {
    const deep = levels(13).replace('owner {', 'owner @include(if: $yes) {');
    const query = `query Deep($yes: Boolean!) ${deep} query Flat { agents { nodes { id } } }`;
    const answer = await gateway.request(query, { operationName: 'Deep', variables: { yes: false } });
    expect(refusals(answer)).toEqual(tooComplex('Expected at most 12 levels of fields, got 13.'));
    expect((await gateway.request(query, { operationName: 'Flat' })).errors).toEqual([]);
  });
});

describe('aliases', () => {
  test('are accepted up to 50, and 51 are refused, wherever they are', async () => {
    const query = (count: number) => `{ agents(first: 1) { nodes { ${many(count, (i) => `a${i}: id`)} } } }`;
    await isTaken(query(50));
    expect(refusals(await gateway.request(query(51)))).toEqual(tooComplex('Expected at most 50 aliases, got 51.'));
  });

  test('in a fragment count in each place where it is spread', async () => {
    const query = `{ agents(first: 1) { nodes { ${many(10, (i) => `customers${i}: customers { ...A }`)} } } }
      fragment A on CustomerConnection { ${many(5, (i) => `a${i}: __typename`)} }`;
    expect(refusals(await gateway.request(query))).toEqual(tooComplex('Expected at most 50 aliases, got 60.'));
  });

  test('that name the same field in the same place count once', async () => {
    await isTaken(`{ agents(first: 1) { nodes { ${many(60, () => 'a: id')} } } }`);
  });
});

describe('root fields', () => {
  test('are accepted up to 20, and 21 are refused, also through fragments', async () => {
    const fields = (count: number) => many(count, (i) => `a${i}: agents(first: 1) { nodes { id } }`);
    await isTaken(`{ ${fields(20)} }`);
    const message = 'Expected at most 20 root fields, got 21.';
    expect(refusals(await gateway.request(`{ ${fields(21)} }`))).toEqual(tooComplex(message));
    const spread = `{ ...A ... { viewer { scopes } } } fragment A on Query { ${fields(20)} }`;
    expect(refusals(await gateway.request(spread))).toEqual(tooComplex(message));
  });

  test('of a mutation are limited in the same way, and none of them runs if there are too many', async () => {
    const one = (i: number) =>
      `a${i}: createCustomer(input: { name: "A${i}" }) { customer { id } userErrors { message } }`;
    const answer = await gateway.request(`mutation { ${many(21, one)} }`);
    expect(refusals(answer)).toEqual(tooComplex('Expected at most 20 root fields, got 21.'));
    expect((await gateway.data('{ customers { totalCount } }')).customers.totalCount).toBe(0);
  });
});

describe('a field that is selected over and over', () => {
  test('is refused before validation compares all pairs', async () => {
    for (const [query, pairs] of [
      [`{ ${'__typename '.repeat(1_000)} }`, 499_500],
      [`{ ${'agents { nodes { id } } '.repeat(250)} }`, 3 * 31_125],
      [`{ agents { ...A ...A } } fragment A on AgentConnection { ${'__typename '.repeat(500)} }`, 499_500],
    ] as const)
      expect(refusals(await gateway.request(query))).toEqual(
        tooComplex(`Expected at most 10000 pairs of repeated fields, got ${pairs}.`),
      );
  });

  test('is accepted as often as the fragments of a large page repeat it', async () => {
    await isTaken(`{ agents { ${'nodes { id name } '.repeat(80)} } }`);
  });
});

describe('several exceeded limits', () => {
  test('are all named in the message', async () => {
    const query = `{ ${many(51, (i) => `a${i}: customers(first: 100) { nodes { orders(first: 50) { nodes { id } } } }`)} }`;
    expect(refusals(await gateway.request(query))).toEqual(
      tooComplex(
        'Expected at most 50 aliases, got 51.',
        'Expected at most 20 root fields, got 51.',
        `Expected a cost of at most 10000, got ${1 + 51 * (101 + 100 * 51)}: ask for smaller pages.`,
      ),
    );
  });
});

describe('a refusal', () => {
  test('has status 400 for clients that accept the newer media type, sends no statement, and is not stored', async () => {
    const query = '{ customers(first: 100) { nodes { orders(first: 100) { nodes { items { quantity } } } } } }';
    const statements = await gateway.statementsOf(async () => {
      const { status, headers } = await gateway.request(query, {
        headers: { accept: 'application/graphql-response+json' },
      });
      expect([status, headers.get('cache-control')]).toEqual([400, 'no-store']);
    });
    expect(statements.size).toBe(0);
  });

  test('is also sent to a client that asks for an event stream', async () => {
    for (const query of [
      '{ customers(first: 100) { nodes { orders(first: 100) { nodes { id } } } } }',
      levels(13),
      `{ ${many(51, (i) => `a${i}: __typename`)} }`,
    ]) {
      const text = await (await streamed(query)).text();
      expect(text).toContain('"code":"QUERY_TOO_COMPLEX"');
      expect(text).not.toContain('"data":{');
    }
  });
});

describe('a subscription that costs too much', () => {
  test('is refused before a stream opens, without reading its customer, while a cheaper one is accepted', async () => {
    const { createCustomer } = await gateway.data(
      'mutation { createCustomer(input: { name: "A" }) { customer { id } } }',
    );
    const { id } = createCustomer.customer;
    const asking = (selection: string) => `subscription { customerChanged(id: "${id}") { ${selection} } }`;
    const open = () => gateway.metric('concierge_subscriptions');
    const ended = () => gateway.metric('concierge_subscriptions_ended_total');
    // If it were admitted, its stream would stay open until the client disconnects.
    const statements = await gateway.statementsOf(async () => {
      const dear = 'orders(first: 100) { nodes { items { quantity product { id } } } }';
      expect(await (await streamed(asking(dear))).text()).toContain('"code":"QUERY_TOO_COMPLEX"');
    });
    expect([statements.size, await open(), await ended()]).toEqual([0, 0, 0]);
    const client = new AbortController();
    const response = await streamed(asking('orders(first: 1) { nodes { id } }'), client.signal);
    await response.body?.getReader().read();
    expect(await open()).toBe(1);
    client.abort();
    await until('the subscription to end', ended);
    expect(await open()).toBe(0);
  });
});

describe('the settings', () => {
  test('LIMIT_DEPTH, LIMIT_ALIASES, LIMIT_ROOT_FIELDS and LIMIT_COST change the limits', async () => {
    const settings = { ...PATIENT, LIMIT_DEPTH: '3', LIMIT_ALIASES: '0', LIMIT_ROOT_FIELDS: '1', LIMIT_COST: '22' };
    const small = await startGateway({ databaseUrl: gateway.databaseUrl, settings });
    try {
      expect((await small.request('{ agents { nodes { id } } }')).errors).toEqual([]);
      expect(refusals(await small.request('{ agents(first: 21) { nodes { id } } }'))).toEqual(
        tooComplex('Expected a cost of at most 22, got 23: ask for smaller pages.'),
      );
      expect(
        refusals(
          await small.request(
            `{ a: __typename viewer { scopes } agents { nodes { owned: customers(first: 1) { totalCount } } } }`,
          ),
        ),
      ).toEqual(
        tooComplex(
          'Expected at most 3 levels of fields, got 4.',
          'Expected at most 0 aliases, got 2.',
          'Expected at most 1 root fields, got 3.',
          'Expected a cost of at most 22, got 2023: ask for smaller pages.',
        ),
      );
    } finally {
      await small.close();
    }
  });
});
