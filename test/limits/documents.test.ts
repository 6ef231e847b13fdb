import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isInputObjectType } from 'graphql';
import { createSchema } from '../../src/graphql/schema.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';

/** A short document whose fragments double at each level: it has about five times two to the power of `levels` fields. */
function doubling(levels: number): string {
  const fragments = Array.from({ length: levels }, (_, i) => {
    const next = `owner { customers(first: 1) { nodes { ...f${i + 1} } } }`;
    return `fragment f${i} on Customer { a: ${next} b: ${next} }`;
  });
  const end = `fragment f${levels} on Customer { id }`;
  return `{ node(id: "Q3VzdG9tZXI6OTk5OTk5OTk5") { ... on Customer { ...f0 } } } ${fragments.join(' ')} ${end}`;
}

let gateway: OwnGateway;
beforeAll(async () => {
  // Otherwise deep documents and those with many aliases would be refused for that: see bounds.test.ts.
  const settings = { LIMIT_DEPTH: '100', LIMIT_ALIASES: '1000' };
  gateway = await startOwnGateway(settings);
});
afterAll(() => gateway.close());

test.each([
  ['lists', `{ nodes(ids: ${'['.repeat(1_990)}`],
  ['lists, closed again', `{ nodes(ids: ${'['.repeat(900)}${']'.repeat(900)}) { id } }`],
  ['objects', `{ customers(filter: ${'{a:'.repeat(600)}`],
  ['selections', `${'{a'.repeat(900)}${'}'.repeat(900)}`],
  ['types of variables', `query($a: ${'['.repeat(1_900)}`],
])('a document with too deeply nested %s is refused before it is parsed', async (_, query) => {
  // The first thing that this process parses, since V8 needs more of the stack for code that it has not optimised yet.
  const { errors } = await gateway.request(query);
  const message = 'Expected at most 100 levels of nested brackets, got more.';
  expect(errors).toMatchObject([{ message, extensions: { code: 'QUERY_TOO_COMPLEX' } }]);
});

describe('a document whose fragments multiply', () => {
  test('is refused before it is planned or run, with its size and the limit', async () => {
    for (const levels of [9, 14, 25]) {
      const { errors, data } = await gateway.request(doubling(levels));
      expect(data).toBeUndefined();
      expect(errors[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX');
      expect(errors[0]?.message).toMatch(
        /^Expected at most 2000 fields and fragments with all fragments expanded, got \d+\.$/,
      );
    }
  });

  test('is refused even if the fragments have no fields', async () => {
    const fragments = Array.from({ length: 27 }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`);
    const { errors } = await gateway.request(`{ ...F0 } ${fragments.join(' ')}`);
    expect(errors[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX');
  });

  test('is executed every time if it is only large, without making a plan for it', async () => {
    const document = doubling(7);
    for (let time = 0; time < 3; time += 1) expect(await gateway.data(document)).toEqual({ node: null });
  });

  test('is refused if a fragment spreads itself', async () => {
    const { errors } = await gateway.request('{ agents { nodes { ...a } } } fragment a on Agent { id ...a }');
    expect(errors[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  test('is refused with no more than the beginning of a long literal in the message', async () => {
    const { errors, text } = await gateway.request(`{ agents(first: "${'A'.repeat(20_000)}") { nodes { id } } }`);
    expect(errors[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(text.length).toBeLessThan(1_000);
  });
});

test.each([
  ['unused', (fields: string) => `{ __typename } fragment F on Agent { ${fields} }`],
  ['cyclic', (fields: string) => `{ agents { nodes { ...F } } } fragment F on Agent { ...F ${fields} }`],
])('repeated fields of %s fragments are refused when they are too many to compare', async (_, document) => {
  const { errors } = await gateway.request(document('id '.repeat(1_900)));
  expect(errors.map(({ message, extensions }) => [extensions.code, message])).toEqual([
    ['QUERY_TOO_COMPLEX', 'Expected fewer repeated fields and fragments: they take too long to compare.'],
  ]);
});

test('an object in a variable has at most 50 fields, wherever it is', async () => {
  const query = 'query($filter: CustomerFilter) { customers(filter: $filter) { totalCount } }';
  const wide = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, 1]));
  const messages = async (filter: unknown) =>
    (await gateway.request(query, { variables: { filter } })).errors.map(({ message }) => message);
  const refusal = 'Variable "$filter": expected objects of at most 50 fields, got more.';
  expect(await messages(wide(51))).toEqual([refusal]);
  expect(await messages({ status: [wide(51)] })).toEqual([refusal]);
  const taken = await messages(wide(50));
  expect(taken).not.toContain(refusal);
  expect(taken[0]).toContain('not to include unknown field "x0"');
  // A variable that the operation does not declare is ignored, whatever it is.
  expect((await gateway.request('{ __typename }', { variables: { other: wide(51) } })).errors).toEqual([]);
  const inputs = Object.values(createSchema().getTypeMap()).filter((type) => isInputObjectType(type));
  for (const input of inputs) expect(Object.keys(input.getFields()).length).toBeLessThanOrEqual(50);
});
