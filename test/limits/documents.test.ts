import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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
      expect(errors[0]?.message).toMatch(/^Expected at most 2000 fields with all fragments expanded, got \d+\.$/);
    }
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
