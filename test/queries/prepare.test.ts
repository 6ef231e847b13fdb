import { expect, test } from '@jest/globals';
import { ANYBODY } from '../../src/access/caller.ts';
import { createRunAlone, originOf } from '../access/run-alone.ts';

/** Prepares the same text three times; returns how often it was parsed, and the operations. */
function prepareThrice(query: string, variables: Readonly<Record<string, unknown>> = {}) {
  const { prepare } = createRunAlone();
  let parsed = 0;
  const text = JSON.stringify({ query, variables });
  const parse = () => {
    parsed += 1;
    return { query, hasHashOnly: false, operationName: undefined, variables };
  };
  const results = [1, 2, 3].map(() => {
    try {
      return prepare({ text, parse }, originOf(ANYBODY));
    } catch (error) {
      return error;
    }
  });
  return { parsed, results };
}

const LIST = 'query($first: Int = 2) { customers(first: $first) { nodes { id } } }';

test('a query that is sent again is not parsed again', () => {
  const { parsed, results } = prepareThrice(LIST, { first: 5 });
  expect(parsed).toBe(1);
  for (const result of results) expect(result).toMatchObject({ variables: { coerced: { first: 5 } } });
});

test('each request has its own caller, signal and headers, even if its text is known', () => {
  const { prepare } = createRunAlone();
  const request = { query: LIST, hasHashOnly: false, operationName: undefined, variables: undefined };
  const [first, second] = [originOf(ANYBODY), { ...originOf(ANYBODY), refresh: true, costMode: 'report' } as const];
  const operations = [first, second].map((origin) => prepare({ text: LIST, parse: () => request }, origin));
  expect(operations.map(({ signal }) => signal)).toEqual([first.signal, second.signal]);
  expect(operations.map(({ refresh, costMode }) => [refresh, costMode])).toEqual([
    [false, undefined],
    [true, 'report'],
  ]);
});

test.each([
  ['a mutation', 'mutation { __typename }', {}],
  ['a subscription', 'subscription { customerChanged(id: "Q3VzdG9tZXI6MQ") { name } }', {}],
  ['a very long request', LIST, { unused: 'x'.repeat(20_000) }],
  ['a document that is not valid', '{ nobody }', {}],
  ['a request with a variable that is not valid', LIST, { first: 'five' }],
])('%s is not kept', (_, query, variables) => {
  expect(prepareThrice(query, variables).parsed).toBe(3);
});

test('kept requests take a bounded amount of memory', () => {
  const { prepare } = createRunAlone();
  let parsed = 0;
  const ask = (number: number) => {
    const variables = { unused: 'x'.repeat(10_000), number };
    const parse = () => {
      parsed += 1;
      return { query: LIST, hasHashOnly: false, operationName: undefined, variables };
    };
    prepare({ text: JSON.stringify(variables), parse }, originOf(ANYBODY));
  };
  ask(0);
  ask(0);
  expect(parsed).toBe(1);
  for (let number = 1; number <= 100; number += 1) ask(number);
  // 100 others of 10,000 characters each have taken its place.
  ask(0);
  expect(parsed).toBe(102);
});

test('equal requests have equal hashes, however they are written, and others do not', () => {
  const { prepare } = createRunAlone();
  const hashOf = (query: string, variables: object, operationName?: string) =>
    prepare(
      {
        text: JSON.stringify([query, variables, operationName]),
        parse: () => ({ query, hasHashOnly: false, operationName, variables: { ...variables } }),
      },
      originOf(ANYBODY),
    ).hash();
  const two = 'query A { __typename } query B { __typename }';
  expect(hashOf(two, { a: 1, b: 2 }, 'A')).toBe(hashOf(`${two} # again`, { b: 2, a: 1 }, 'A'));
  const others = [
    hashOf(two, { a: 1, b: 2 }, 'A'),
    hashOf(two, { a: 1, b: 2 }, 'B'),
    hashOf(two, { a: 2, b: 1 }, 'A'),
    hashOf(two, {}, 'A'),
    hashOf(two.replace('__typename', 'a: __typename'), { a: 1, b: 2 }, 'A'),
  ];
  expect(new Set(others).size).toBe(others.length);
});
