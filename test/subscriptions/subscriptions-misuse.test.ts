import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { idOf, startWritingGateway, type WritingGateway } from '../mutations/writing-gateway.ts';
import { until } from '../support/patience.ts';
import { CHANGED, subscribe } from './event-reader.ts';

let gateway: WritingGateway;
beforeAll(async () => {
  gateway = await startWritingGateway();
});
afterAll(() => gateway.close());

const send = (accept: string | undefined, query = CHANGED, variables: object = { id: idOf('Customer', 1) }) =>
  fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(accept === undefined ? {} : { accept }) },
    body: JSON.stringify({ query, variables }),
  });

test.each([
  undefined,
  '*/*',
  'application/json',
  'application/graphql-response+json, application/json;q=0.9',
  'text/event-stream;q=0, application/json',
  'text/event-stream;charset=latin1, */*',
])('a subscription with accept: %s is refused with what was expected', async (accept) => {
  const answer = await send(accept);
  expect([answer.status, answer.headers.get('vary'), await answer.json()]).toEqual([
    406,
    'Accept',
    {
      errors: [
        {
          message: 'Expected a subscription to come with the header "accept: text/event-stream".',
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ],
    },
  ]);
});

const INVALID = 'GRAPHQL_VALIDATION_FAILED';
const at = (id: string) => `subscription { customerChanged(id: "${id}") { name } }`;

describe('a stream reports an error and ends for', () => {
  test.each<[string, string, object, string, RegExp]>([
    [
      'an id that no customer has',
      CHANGED,
      { id: idOf('Customer', 999_999) },
      'BAD_USER_INPUT',
      /^Argument "id": there is no such customer; it may have been deleted\.$/,
    ],
    [
      'the id of something else',
      CHANGED,
      { id: idOf('Order', 1) },
      'BAD_USER_INPUT',
      /^Argument "id": expected the id of a Customer, got "\w+", that of an Order\.$/,
    ],
    [
      'text that is not an id',
      at('7'),
      {},
      'BAD_USER_INPUT',
      /^Argument "id": expected the id of a Customer, got "7"\.$/,
    ],
    ['an empty id', at(''), {}, 'BAD_USER_INPUT', /^Argument "id": expected the id of a Customer, got ""\.$/],
    ['an id that is too large', at(idOf('Customer', '9'.repeat(30))), {}, 'BAD_USER_INPUT', /expected the id/],
    ['no value of the variable', CHANGED, {}, 'BAD_USER_INPUT', /\$id.*Expected a value of non-null type "ID!"/],
    ['null', CHANGED, { id: null }, 'BAD_USER_INPUT', /\$id.*non-null type "ID!"/],
    ['a list', CHANGED, { id: [idOf('Customer', 1)] }, 'BAD_USER_INPUT', /\$id/],
    ['no id', 'subscription { customerChanged { name } }', {}, INVALID, /\(id:\)" of type "ID!" is required/],
    [
      'two fields at the root',
      `subscription { a: customerChanged(id: "x") { name } b: customerChanged(id: "x") { name } }`,
      {},
      INVALID,
      /must select only one top level field/,
    ],
    [
      'two fields at the root by a fragment',
      `subscription { ...F } fragment F on Subscription { a: customerChanged(id: "x") { name } b: customerChanged(id: "x") { name } }`,
      {},
      INVALID,
      /must select only one top level field/,
    ],
    ['the name of its type', 'subscription { __typename }', {}, INVALID, /must not select an introspection top level/],
    [
      'a field with @skip',
      `subscription { customerChanged(id: "x") @skip(if: true) { name } }`,
      {},
      INVALID,
      /must not use `@skip`/,
    ],
    [
      'null for @include',
      'subscription($id: ID!, $if: Boolean = true) { customerChanged(id: $id) { name @include(if: $if) } }',
      { id: idOf('Customer', 1), if: null },
      'BAD_USER_INPUT',
      /^Expected true or false for @skip and @include, got a variable that is null\.$/,
    ],
    ['an unknown field', 'subscription { orderChanged { id } }', {}, INVALID, /Cannot query field/],
    ['no field of the customer', `subscription { customerChanged(id: "x") }`, {}, INVALID, /must have a selection/],
    ['no document', 'subscription {', {}, 'GRAPHQL_PARSE_FAILED', /Syntax Error/],
    [
      'a page that is too large',
      'subscription($id: ID!) { customerChanged(id: $id) { orders(first: 101) { totalCount } } }',
      { id: idOf('Customer', 1) },
      'BAD_USER_INPUT',
      /^Argument "first": expected 1 to 100, got 101\.$/,
    ],
  ])('%s', async (...[, query, variables, code, message]) => {
    const stream = await subscribe(gateway.url, query, { variables: { ...variables } });
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const { event, data } = await stream.next();
    expect([event, data.data ?? null, data.errors.length]).toEqual(['next', null, 1]);
    expect(data.errors[0]).toMatchObject({ message: expect.stringMatching(message), extensions: { code } });
    expect(await stream.next()).toEqual({ event: 'complete', data: undefined });
    await stream.end();
    await until(
      'the subscription to be counted no more',
      () => gateway.metric('concierge_subscriptions'),
      (open) => open === 0,
    );
  });

  test('an operation that is not in the document', async () => {
    const answer = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: CHANGED, operationName: 'Other' }),
    });
    expect(await answer.text()).toMatch(/^:\n\nevent: next\ndata: \{"errors":\[\{"message":"Parameter .*Other/);
  });
});
