import { afterAll, expect, test } from '@jest/globals';
import { ANYBODY } from '../../src/access/caller.ts';
import { createYogaHandler } from '../../src/graphql/yoga.ts';
import { graphiqlOptions } from '../../src/http/graphiql.ts';
import { renderGraphiQL } from '../../src/http/graphiql-page.ts';
import { asking, createRunAlone, originOf } from '../access/run-alone.ts';

const { prepare, run, schema, maskError } = createRunAlone();
const page = { graphiql: graphiqlOptions, renderGraphiQL };
const yoga = createYogaHandler({ schema, prepare, run, maskError, callerOf: () => ANYBODY, ...page });
afterAll(() => yoga.dispose());

const ADDRESS = 'http://localhost/graphql';
const post = (query: string): Promise<Response> =>
  Promise.resolve(
    yoga.fetch(ADDRESS, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query }),
    }),
  );

test.each([
  ['a query', '{ __typename }'],
  ['a query about the schema', '{ __type(name: "Money") { name } }'],
  ['a mutation', 'mutation { __typename }'],
  ['one that costs too much', '{ customers(first: 100) { nodes { orders(first: 100) { nodes { id } } } } }'],
])("an operation that arrives through Yoga's handler runs like any other: %s", async (_, query) => {
  const expected = JSON.parse((await run.respond(prepare(asking(query), originOf(ANYBODY)))).body.toString());
  expect(await (await post(query)).json()).toEqual(expected);
});

test("an operation that is refused has the same message through Yoga's handler", async () => {
  expect(await (await post('{ nobody }')).json()).toMatchObject({
    errors: [{ message: expect.stringContaining('"nobody"'), extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
  });
});

test("a mutation by GET is also refused by Yoga's handler", async () => {
  const query = new URLSearchParams({ query: 'mutation { __typename }' });
  const answer = await yoga.fetch(`${ADDRESS}?${query}`, { headers: { accept: 'application/json' } });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
});
