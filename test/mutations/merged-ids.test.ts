import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { customerOf, idOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;

/** Two that were merged into one, with their own external ids, and one that nothing was merged into. */
let kept: string;
let merged: string[];
let other: string;

const missing = idOf('Customer', 999_999);

beforeAll(async () => {
  gateway = await startWritingGateway();
  const create = async (name: string) =>
    customerOf(await gateway.create({ name, externalId: name, email: `${name}@example.com` })).id;
  [kept, other] = [await create('kept'), await create('other')];
  merged = [await create('first'), await create('second')];
  for (const mergeId of merged) await gateway.merge({ keepId: kept, mergeId });
});

afterAll(() => gateway.close());

const NODES = 'query N($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Customer { name } } }';
const FRESH = { headers: { 'cache-control': 'no-cache' } };

/** A result that is not from the cache, with its statements. */
async function ask(query: string, variables: Readonly<Record<string, unknown>>) {
  let data: Readonly<Record<string, unknown>> = {};
  const statements = await gateway.statementsOf(async () => {
    const answer = await gateway.request(query, { variables, ...FRESH });
    expect(answer.errors).toEqual([]);
    ({ data } = answer);
  });
  return { data, statements: Object.fromEntries(statements) };
}

describe('the id of a merged customer', () => {
  test.each([
    ['customer(by: { id: $id }) { __typename id name }', 'customer'],
    ['node(id: $id) { __typename id ... on Customer { name } }', 'node'],
  ])('finds the kept customer, with that customer’s id, in %s', async (field, name) => {
    for (const id of merged)
      // With a new plan, then with the kept one.
      for (let times = 0; times < 2; times += 1)
        expect(await ask(`query Q($id: ID!) { ${field} }`, { id })).toEqual({
          data: { [name]: { __typename: 'Customer', id: kept, name: 'kept' } },
          statements: { 'Customer by id': 1, 'Customer by former id': 1 },
        });
  });

  test('finds the kept customer among other ids in the given order, with two statements for all', async () => {
    const ids = [merged[1], other, missing, kept, merged[0], idOf('Order', 1), merged[1]];
    const { data, statements } = await ask(NODES, { ids });
    expect(data['nodes']).toEqual([
      { __typename: 'Customer', id: kept, name: 'kept' },
      { __typename: 'Customer', id: other, name: 'other' },
      null,
      { __typename: 'Customer', id: kept, name: 'kept' },
      { __typename: 'Customer', id: kept, name: 'kept' },
      { __typename: 'Order', id: idOf('Order', 1) },
      { __typename: 'Customer', id: kept, name: 'kept' },
    ]);
    expect(statements).toEqual({ 'Customer by id': 1, 'Customer by former id': 1, 'Order by id': 1 });
  });

  test('costs nothing if every id has a row, and one more statement for any number of ids without', async () => {
    const ids = Array.from({ length: 50 }, (_, i) => idOf('Customer', i + 1));
    expect((await ask(NODES, { ids })).statements).toEqual({ 'Customer by id': 1 });
    const none = Array.from({ length: 50 }, (_, i) => idOf('Customer', 1_000_000 + i));
    const { data, statements } = await ask(NODES, { ids: [...ids, ...none] });
    expect(data['nodes']).toHaveLength(100);
    expect(statements).toEqual({ 'Customer by id': 1, 'Customer by former id': 1 });
  });

  test('also finds it from rows that still refer to the merged customer', async () => {
    const query = 'query O($id: ID!) { node(id: $id) { ... on Order { customer { id name } } } }';
    await gateway.sql('UPDATE orders SET customer_id = (SELECT MIN(merged_id) FROM customer_merges) WHERE id = 1');
    expect((await ask(query, { id: idOf('Order', 1) })).data).toEqual({
      node: { customer: { id: kept, name: 'kept' } },
    });
  });
});

test('the external id of a merged customer finds the kept one, and its email finds nobody', async () => {
  const query = 'query C($by: CustomerBy!) { customer(by: $by) { id externalId } }';
  for (const externalId of ['first', 'second'])
    expect(await ask(query, { by: { externalId } })).toEqual({
      data: { customer: { id: kept, externalId: 'kept' } },
      statements: { 'Customer by externalId': 1, 'Customer by former externalId': 1 },
    });
  expect((await ask(query, { by: { externalId: 'kept' } })).statements).toEqual({ 'Customer by externalId': 1 });
  expect((await ask(query, { by: { externalId: 'First' } })).data).toEqual({ customer: null });
  expect(await ask(query, { by: { email: 'first@example.com' } })).toEqual({
    data: { customer: null },
    statements: { 'Customer by email': 1 },
  });
});

test('the merged id shows everything that belongs to the kept customer, whose changes name the merged one', async () => {
  const query = `query C($id: ID!) { customer(by: { id: $id }) { orders { totalCount } summary { orderCount }
    changes(first: 9) { nodes { nodeId version action } } } }`;
  const { data } = await ask(query, { id: merged[0] });
  expect(data).toEqual((await ask(query, { id: kept })).data);
  const { changes } = data['customer'] as { changes: { nodes: { nodeId: string; action: string }[] } };
  for (const nodeId of [kept, ...merged])
    expect(changes.nodes.filter((node) => node.nodeId === nodeId).map(({ action }) => action)).toEqual(
      nodeId === kept ? ['MERGED', 'MERGED', 'CREATED'] : ['MERGED', 'CREATED'],
    );
});

test('once a merge has returned, no response cached before is served, for either id', async () => {
  const ids: string[] = [];
  for (const name of ['A', 'B']) ids.push(customerOf(await gateway.create({ name, externalId: `cached-${name}` })).id);
  const [keepId, mergeId] = ids;
  const queries: [string, object][] = [
    ['query($id: ID!) { customer(by: { id: $id }) { id name summary { orderCount } } }', { id: mergeId }],
    ['query($id: ID!) { node(id: $id) { id } }', { id: mergeId }],
    ['{ customer(by: { externalId: "cached-B" }) { id } }', {}],
    [NODES, { ids: [mergeId, keepId] }],
    ['query($id: ID!) { customer(by: { id: $id }) { changes(first: 1) { nodes { action } } } }', { id: keepId }],
    ['{ customers { totalCount } }', {}],
  ];
  const answers = async () =>
    Promise.all(queries.map(async ([query, variables]) => gateway.request(query, { variables: { ...variables } })));
  const before = await answers();
  for (const { headers } of await answers()) expect(headers.get('x-cache')).toBe('HIT');
  await gateway.merge({ keepId, mergeId });
  const after = await answers();
  for (const [i, { headers, text }] of after.entries()) {
    expect(headers.get('x-cache')).toBe('MISS');
    expect(text).not.toBe(before[i]?.text);
  }
  for (const i of [0, 1, 2]) expect(Object.values(after[i]?.data)[0]).toMatchObject({ id: keepId });
});

test('once the kept customer is deleted, merged ids and external ids find nobody, and the external ids are free', async () => {
  const query = 'query C($by: CustomerBy!) { customer(by: $by) { id } }';
  const keys = [{ id: kept }, ...merged.map((id) => ({ id })), { externalId: 'first' }, { externalId: 'kept' }];
  for (const by of keys) expect(await gateway.data(query, { by })).toEqual({ customer: { id: kept } });
  await gateway.remove({ id: merged[0] });
  for (const by of keys) expect(await gateway.data(query, { by })).toEqual({ customer: null });
  expect(await gateway.data(NODES, { ids: [...merged, other] })).toMatchObject({ nodes: [null, null, { id: other }] });
  expect((await gateway.create({ name: 'New', externalId: 'first' })).userErrors).toEqual([]);
});
