import { pbkdf2Sync } from 'node:crypto';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Kind, parse as parseDocument } from 'graphql';
import { ANYBODY } from '../../src/access/caller.ts';
import { RequestErrors } from '../../src/graphql/documents.ts';
import { createKept } from '../../src/graphql/kept.ts';
import type { Operation } from '../../src/graphql/operation.ts';
import { createPlans } from '../../src/graphql/plan.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { watchStalls } from '../../src/telemetry/stalls.ts';
import { createRunAlone, originOf } from '../access/run-alone.ts';
import { until } from '../support/patience.ts';

/** Prepares the same text three times; returns how often it was parsed, and the operations. */
function prepareThrice(query: string, variables: Readonly<Record<string, unknown>> = {}) {
  const { prepare } = createRunAlone();
  let parsed = 0;
  const text = JSON.stringify({ query, variables });
  const parse = () => {
    parsed += 1;
    return { query, persisted: undefined, operationName: undefined, variables };
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

test('a query that was sent again is not parsed any more', () => {
  const { parsed, results } = prepareThrice(LIST, { first: 5 });
  expect(parsed).toBe(2);
  for (const result of results) expect(result).toMatchObject({ variables: { coerced: { first: 5 } } });
});

test('the variables of a kept request, which others share, cannot be modified', () => {
  const query = 'query($filter: CustomerFilter) { customers(first: 1, filter: $filter) { nodes { id } } }';
  const { results } = prepareThrice(query, { filter: { status: ['ACTIVE'] } });
  const [, { rawVariables, variables }] = results as [Operation, Operation];
  for (const { filter } of [rawVariables, variables.coerced] as { filter: { status: string[] } }[])
    expect(() => filter.status.push('ARCHIVED')).toThrow(TypeError);
});

test('each request has its own caller, signal and headers, even if its text is known', () => {
  const { prepare } = createRunAlone();
  const request = { query: LIST, persisted: undefined, operationName: undefined, variables: undefined };
  const [plain, other] = [originOf(ANYBODY), { ...originOf(ANYBODY), isSafe: true, costMode: 'report' } as const];
  const origins = [plain, plain, other, plain];
  const operations = origins.map((origin) => prepare({ text: LIST, parse: () => request }, origin));
  expect(operations.map(({ signal }) => signal)).toEqual(origins.map(({ signal }) => signal));
  expect(operations.map(({ isSafe, costMode }) => [isSafe, costMode])).toEqual(
    origins.map(({ isSafe, costMode }) => [isSafe, costMode]),
  );
});

describe('what held up the event loop', () => {
  const lines: string[] = [];
  let stop: () => void;
  beforeAll(() => {
    const destination = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    stop = watchStalls({ log: createLog({ level: 'warn', readable: false, destination }), metrics: createMetrics() });
  });
  afterAll(() => stop());

  /** Prepares requests until the log says that they held up the event loop: on a busy machine, something else may take longer. */
  async function lineOf(cause: string, query: string, decode: () => void = () => undefined) {
    const { prepare } = createRunAlone();
    const parse = () => {
      decode();
      return { query, persisted: undefined, operationName: undefined, variables: {} };
    };
    const line = await until('the line', () => {
      try {
        prepare({ text: `${Math.random()}`, parse }, originOf(ANYBODY));
      } catch (error) {
        if (!(error instanceof RequestErrors)) throw error;
      }
      return lines.find((one) => one.includes(`"cause":"${cause}"`));
    });
    return JSON.parse(line ?? '') as object;
  }

  test('is a request that takes long to prepare, by its name', async () => {
    const query = 'query Slow { agents(first: 1) { nodes { id } } }';
    const line = await lineOf('prepare', query, () => pbkdf2Sync('password', 'salt', 300_000, 64, 'sha512'));
    expect(line).toMatchObject({ stage: 'prepare', operation: 'Slow', document: expect.any(String) });
  });

  test('is a text that takes long to parse, without a hash if it is not GraphQL', async () => {
    const line = await lineOf('parse', `{ a(b: """${'x\n'.repeat(5_000_000)}`);
    expect(line).toMatchObject({ stage: 'parse' });
    expect(line).not.toHaveProperty('document');
  });
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
  const { prepare } = createRunAlone({ keptBytes: 1_000_000 });
  let parsed = 0;
  const ask = (number: number) => {
    const variables = { unused: 'x'.repeat(10_000), number };
    const parse = () => {
      parsed += 1;
      return { query: LIST, persisted: undefined, operationName: undefined, variables };
    };
    prepare({ text: JSON.stringify(variables), parse }, originOf(ANYBODY));
  };
  for (const number of [0, 0, 0]) ask(number);
  expect(parsed).toBe(2);
  // Sent once, others leave it where it is.
  for (let number = 1; number <= 100; number += 1) ask(number);
  ask(0);
  expect(parsed).toBe(102);
  // Sent again, 100 others of 10,000 characters each take its place.
  for (let number = 1; number <= 100; number += 1) ask(number);
  ask(0);
  expect(parsed).toBe(203);
});

test('equal requests have equal hashes, however they are written, and others do not', () => {
  const { prepare } = createRunAlone();
  const hashOf = (query: string, variables: object, operationName?: string) =>
    prepare(
      {
        text: JSON.stringify([query, variables, operationName]),
        parse: () => ({ query, persisted: undefined, operationName, variables: { ...variables } }),
      },
      originOf(ANYBODY),
    ).hash();
  const body = '($a: Int, $b: Int) { __typename agents(first: $a) { totalCount } b: agents(first: $b) { totalCount } }';
  const two = `query A${body} query B${body}`;
  expect(hashOf(two, { a: 1, b: 2 }, 'A')).toBe(hashOf(`${two} # again`, { b: 2, c: 3, a: 1 }, 'A'));
  const others = [
    hashOf(two, { a: 1, b: 2 }, 'A'),
    hashOf(two, { a: 1, b: 2 }, 'B'),
    hashOf(two, { a: 2, b: 1 }, 'A'),
    hashOf(two, {}, 'A'),
    hashOf(two.replace('__typename', 'a: __typename'), { a: 1, b: 2 }, 'A'),
  ];
  expect(new Set(others).size).toBe(others.length);
});

test('the plans of documents with many conditions take a bounded amount of memory', () => {
  const { schema } = createRunAlone();
  const names = Array.from({ length: 11 }, (_, i) => `c${i}`);
  const query = `query(${names.map((name) => `$${name}: Boolean!`).join(' ')}) {
    ${names.map((name) => `${name}: customers(first: 1) @include(if: $${name}) { nodes { id name email } }`).join('\n')}
  }`;
  const document = parseDocument(query);
  const [operation] = document.definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('no operation');
  const kept = createKept(1_000_000);
  const planOf = createPlans(schema, { document, operation, plans: kept.table() });
  const plan = (number: number) => {
    const values = Object.fromEntries(names.map((name, i) => [name, ((number >> i) & 1) === 1]));
    return planOf({ sources: {}, coerced: values });
  };
  const first = plan(1);
  expect(plan(1)).toBe(first);
  for (let number = 2; number < 2 ** names.length; number += 1) plan(number);
  expect(kept.bytes()).toBeLessThanOrEqual(1_000_000);
  expect(plan(1)).not.toBe(first);
});
