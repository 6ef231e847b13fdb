import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { PATIENT, startGateway, type RequestOptions } from '../support/gateway.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { askedCost, given, page } from './asked-cost.ts';

let gateway: OwnGateway;
beforeAll(async () => {
  gateway = await startOwnGateway();
});
afterAll(() => gateway.close());

const requested = async (query: string, options: RequestOptions = {}) =>
  (await askedCost(gateway, query, options)).requested;

describe('the cost of a page', () => {
  test('counts as many entries as a literal first or last says', async () => {
    expect(await requested('{ customers(first: 50) { nodes { id } } }')).toBe(page(50));
    expect(await requested('{ customers(last: 7) { nodes { id } } }')).toBe(page(7));
  });

  test('counts the default page size if neither first nor last is given, or null is', async () => {
    const query = 'query($first: Int, $last: Int) { customers(first: $first, last: $last) { nodes { id } } }';
    expect(await requested('{ customers { nodes { id } } }')).toBe(page(20));
    expect(await requested('{ customers(first: null) { nodes { id } } }')).toBe(page(20));
    expect(await requested(query)).toBe(page(20));
    expect(await requested(query, given({ first: null }))).toBe(page(20));
    expect(await requested(query, given({ first: null, last: 5 }))).toBe(page(5));
  });

  test("counts the size in a variable, a variable's default, and the larger of two sizes", async () => {
    const query =
      'query($first: Int = 30, $last: Int) { customers(first: $first, last: $last, after: null) { nodes { id } } }';
    expect(await requested(query)).toBe(page(30));
    expect(await requested(query, given({ first: 3 }))).toBe(page(3));
    expect(await requested(query, given({ last: 80 }))).toBe(page(80));
    expect(await requested(query, given({ first: 90, last: 80 }))).toBe(page(90));
    // Null counts as given, so the variable's default does not apply.
    expect(await requested(query, given({ first: null }))).toBe(page(20));
  });

  test('counts the largest page for a size that is refused later, and no entry for a negative size', async () => {
    const query = 'query($n: Int) { customers(first: $n) { nodes { id } } }';
    for (const n of [101, 1_000_000, 2_147_483_647]) {
      expect(await requested(query, given({ n }))).toBe(page(100));
      expect(await requested(`{ customers(first: ${n}) { nodes { id } } }`)).toBe(page(100));
    }
    expect(await requested(query, given({ n: -5 }))).toBe(page(0));
  });

  test('multiplies the cost of one entry by their number, level by level', async () => {
    const query = `query($a: Int, $b: Int) {
      customers(first: $a) { nodes { orders(first: $b) { nodes { items { quantity } } } } }
    }`;
    for (const [a, b] of [
      [1, 1],
      [3, 4],
      [10, 4],
    ] as const)
      expect(await requested(query, given({ a, b }))).toBe(page(a) + a * (1 + b * (1 + 200)));
  });

  test('is a tenth higher per entry for edges, and adds up if both edges and nodes are selected', async () => {
    expect(await requested('{ customers(first: 50) { edges { node { id } } } }')).toBe(page(50) + 5);
    expect(await requested('{ customers(first: 50) { nodes { id } edges { node { id } } } }')).toBe(page(100) + 5);
  });

  test('includes the rows that are read for pageInfo or cursors alone, and no rows for a count', async () => {
    // A tenth for PageInfo.
    expect(await requested('{ customers(first: 50) { pageInfo { endCursor } } }')).toBe(page(50) + 1);
    expect(await requested('{ customers(first: 50) { edges { cursor } } }')).toBe(page(50));
    expect(await requested('{ customers(first: 50) { pageInfo { endCursor } nodes { id } } }')).toBe(page(50) + 1);
    expect(await requested('{ customers(first: 50) { __typename } }')).toBe(page(0));
    const { typeCost, fieldCost } = await askedCost(gateway, '{ customers(first: 50) { totalCount } }');
    expect([typeCost, fieldCost]).toEqual([page(0), 101]);
  });

  test('depends on LIMIT_PAGE_SIZE_DEFAULT and LIMIT_PAGE_SIZE_MAX', async () => {
    const settings = { ...PATIENT, LIMIT_PAGE_SIZE_DEFAULT: '3', LIMIT_PAGE_SIZE_MAX: '7' };
    const small = await startGateway({ databaseUrl: gateway.databaseUrl, settings });
    try {
      expect((await askedCost(small, '{ customers { nodes { id } } }')).requested).toBe(page(3));
      expect((await askedCost(small, '{ customers(first: 100) { nodes { id } } }')).requested).toBe(page(7));
    } finally {
      await small.close();
    }
  });
});

describe('the cost of other lists', () => {
  test('counts their maximum number of entries', async () => {
    const customer = 'customer(by: { externalId: "C" })';
    // The customer and Query; the field cost has 1 for the argument `by`.
    expect(await requested(`{ ${customer} { addresses { city } } }`)).toBe(2 + 20);
    expect(await requested(`{ ${customer} { summary { lifetimeValue { amount } } } }`)).toBe(3 + 30);
    expect(await requested(`{ ${customer} { changes(first: 10) { nodes { fields { field } } } } }`)).toBe(3 + 10 * 3);
    expect(await requested('{ order(by: { number: "1" }) { items { product { name } } } }')).toBe(2 + 400);
  });

  test('counts the number of ids that are given, in a literal, a variable or a list of variables', async () => {
    const ids = Array.from({ length: 60 }, (_, i) => `id${i}`);
    const query = 'query($ids: [ID!]!) { nodes(ids: $ids) { id } }';
    expect(await requested(`{ nodes(ids: ${JSON.stringify(ids)}) { id } }`)).toBe(61);
    expect(await requested(query, given({ ids }))).toBe(61);
    expect(await requested(query, given({ ids: [] }))).toBe(1);
    // GraphQL coerces a single value to a list of one.
    expect(await requested(query, given({ ids: 'one' }))).toBe(2);
    expect(await requested('{ nodes(ids: "one") { id } }')).toBe(2);
    const two = 'query($a: ID!, $b: ID!) { nodes(ids: [$a, $b]) { id } }';
    expect(await requested(two, given({ a: 'x', b: 'y' }))).toBe(3);
    expect(await requested('query($ids: [ID!]! = ["a", "b", "c"]) { nodes(ids: $ids) { id } }')).toBe(4);
  });

  test('is too high for a huge number of ids, which are refused before any is looked up', async () => {
    const ids = Array.from({ length: 10_000 }, (_, i) => `${i}`);
    const answer = await gateway.request('query($ids: [ID!]!) { nodes(ids: $ids) { id } }', { variables: { ids } });
    expect(answer.errors.map(({ message }) => message)).toEqual([
      'Expected a cost of at most 10000, got 10001: ask for smaller pages.',
    ]);
  });
});

describe('fragments', () => {
  const entry = '... on Customer { orders(first: 10) { nodes { id } } }';

  test('cost what their fields cost, whether named, inline, nested or on an interface', async () => {
    const written = await requested('{ customers(first: 5) { nodes { orders(first: 10) { nodes { id } } } } }');
    expect(written).toBe(page(5) + 5 * 11);
    const forms = [
      `{ customers(first: 5) { nodes { ${entry} } } }`,
      `{ customers(first: 5) { nodes { ... on Node { ${entry} } } } }`,
      `{ ...Q } fragment Q on Query { customers(first: 5) { ...C } }
       fragment C on CustomerConnection { nodes { ...N } } fragment N on Node { ${entry} }`,
      `{ customers(first: 5) { ... { nodes { ... { ... { ${entry} } } } } } }`,
    ];
    for (const form of forms) expect({ form, cost: await requested(form) }).toEqual({ form, cost: written });
  });

  test('that select the same field cost it once, since it is resolved once', async () => {
    const query = `{ customers(first: 5) { nodes { ...A ...B ...A } nodes { ...A } } }
      fragment A on Customer { owner { name } orders(first: 10) { nodes { id } } }
      fragment B on Customer { owner { email } orders(first: 10) { nodes { number } } }`;
    expect(await requested(query)).toBe(page(5) + 5 * (1 + 11));
  });

  test('on several types cost as much as the most expensive possible type', async () => {
    const agent = '... on Agent { tickets(first: 100) { nodes { id } } }';
    const query = `query($ids: [ID!]!) { nodes(ids: $ids) { ${entry} ${agent} ... on Product { sku } } }`;
    expect(await requested(query, given({ ids: ['a', 'b'] }))).toBe(1 + 2 * (1 + 101));
    expect(await requested(`{ node(id: "a") { ${entry} ${agent} } }`)).toBe(1 + 1 + 101);
  });

  test('that multiply each other cost the product', async () => {
    const query = `{ a: customers(first: 9) { ...A } b: customers(first: 9) { ...A } }
      fragment A on CustomerConnection { nodes { c: orders(first: 9) { ...B } d: orders(first: 9) { ...B } } }
      fragment B on OrderConnection { nodes { e: items { quantity } f: items { quantity } } }`;
    expect(await requested(query)).toBe(1 + 2 * (1 + 9 * (1 + 2 * (1 + 9 * (1 + 2 * 200)))));
  });
});

describe('aliases of a field', () => {
  test('cost what the field costs, each of them', async () => {
    const query = '{ a: customers(first: 50) { nodes { id } } b: customers(first: 50) { nodes { id } } }';
    expect(await requested(query)).toBe(1 + 2 * 51);
  });
});

describe('an operation', () => {
  test('costs what it selects itself, whatever other operations of its document select', async () => {
    const query = `query Small { customers(first: 1) { nodes { id } } }
      query Large { customers(first: 100) { nodes { orders(first: 100) { nodes { id } } } } }`;
    expect(await requested(query, { operationName: 'Small' })).toBe(page(1));
    const { errors } = await gateway.request(query, { operationName: 'Large' });
    expect(errors.map(({ message }) => message)).toEqual([
      'Expected a cost of at most 10000, got 10202: ask for smaller pages.',
    ]);
  });

  test('that selects nothing that weighs costs 1', async () => {
    expect(await askedCost(gateway, '{ __typename }')).toEqual({
      requested: 1,
      limit: 10_000,
      typeCost: 1,
      fieldCost: 0,
    });
  });
});

describe('introspection', () => {
  test('by the standard queries is within the limits, and gets its result', async () => {
    for (const options of [{}, { inputValueDeprecation: true, oneOf: true, directiveIsRepeatable: true }]) {
      const { data, errors } = await gateway.request(getIntrospectionQuery(options));
      expect(errors).toEqual([]);
      expect(Object.values<{ types: unknown[] }>(data)[0]?.types.length).toBeGreaterThan(50);
    }
  });

  test('that is circular is refused', async () => {
    const circle = (levels: number): string => (levels === 0 ? 'name' : `fields { type { ${circle(levels - 1)} } }`);
    const { errors, data } = await gateway.request(`{ __schema { types { ${circle(3)} } } }`);
    expect(data).toBeUndefined();
    expect(errors.map(({ message }) => message)).toEqual(['Maximum introspection depth exceeded']);
  });

  test('that is repeated many times is refused because of its cost', async () => {
    const types = 'types { fields { type { fields { type { name } } } args { type { name } } } }';
    const { errors } = await gateway.request(
      `{ ${Array.from({ length: 12 }, (_, i) => `a${i}: __schema { ${types} }`).join(' ')} }`,
    );
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^Expected a cost of at most 10000, got \d+/),
    ]);
  });
});
