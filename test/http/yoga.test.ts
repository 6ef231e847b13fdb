import { afterAll, expect, test } from '@jest/globals';
import { ANYBODY } from '../../src/access/caller.ts';
import { createYogaHandler } from '../../src/graphql/yoga.ts';
import { graphiqlOptions } from '../../src/http/graphiql.ts';
import { renderGraphiQL } from '../../src/http/graphiql-page.ts';
import { answerOf, asking, createRunAlone, originOf } from '../access/run-alone.ts';

const { respond, schema, maskError } = createRunAlone();
const page = { graphiql: graphiqlOptions, renderGraphiQL };
const yoga = createYogaHandler({ schema, respond, maskError, callerOf: () => ANYBODY, ...page });
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
  const expected = answerOf(await respond(asking(query), originOf(ANYBODY))).result;
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

test("a subscription gets no stream through Yoga's handler, which would not count towards the limits", async () => {
  const answer = await post('subscription { customerChanged(id: "Q3VzdG9tZXI6MQ") { name } }');
  expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
});

test("variables that are null are the same as none through Yoga's handler", async () => {
  const query = 'query($is: Boolean! = true) { __typename @include(if: $is) }';
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const answer = await yoga.fetch(ADDRESS, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query, variables: null }),
  });
  expect(await answer.json()).toEqual({ data: { __typename: 'Query' } });
});
