import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import { createRandom } from '../../src/data/seed/random.ts';
import { TURNS } from '../../src/turns.ts';
import { ANY_COST, type Answer } from '../support/gateway.ts';
import { randomRequest } from '../support/random-request.ts';
import { REQUEST_VALUES } from '../support/request-values.ts';
import { askBoth, startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { createSoak } from '../support/soak.ts';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
const { seed, again, goesOn, report } = createSoak('executors');
const DOCUMENTS = 200;

const sorted = ({ errors }: Answer): string[] =>
  errors
    .map(({ message, path, locations, extensions }) => JSON.stringify([extensions.code, message, path, locations]))
    .sort();

describe('a plan gives the same result as the executor of graphql-js', () => {
  let gateway: SeededGateway;
  beforeAll(async () => {
    gateway = await startSeededGateway(40, ANY_COST);
  });
  afterAll(() => gateway.close());

  test.each([
    [
      'spreads a fragment under a condition and once more without',
      '{ customers(first: 1) { nodes { ...F @include(if: false) ...F } } } fragment F on Customer { name email }',
    ],
    [
      'spreads a fragment in a field that is skipped, beside the same field that is not',
      `query($skip: Boolean = true) { products(first: 1) { nodes @skip(if: $skip) { ...F } nodes { id } } }
       fragment F on Product { sku price { amount } }`,
    ],
    [
      'skips an inline fragment with fragments in it',
      `{ orders(first: 1) { nodes { ... on Node @skip(if: true) { ...F } ... on Order { ...F } } } }
       fragment F on Order { number customer { ...G } } fragment G on Customer { name }`,
    ],
  ])('for a document that %s', async (_, query) => {
    const { plain, planned } = await askBoth(gateway, query);
    expect(plain.errors).toEqual([]);
    expect(planned.data).toEqual(plain.data);
  });

  test(`for ${DOCUMENTS} random documents`, async () => {
    const random = createRandom(seed, 0);
    let answered = 0;
    let asked = 0;
    for (; goesOn(asked >= DOCUMENTS); asked += 1) {
      const request = {
        schema,
        choose: (below: number) => random.below(below),
        values: REQUEST_VALUES,
        root: 'Query',
        selections: 25,
        severalOperations: true,
      } as const;
      const { query, operationName, variables } = randomRequest(request);
      const { plain, planned } = await askBoth(gateway, { query, operationName }, variables);
      const about = { again, query, variables };
      // From the second one on, requests with the same text share what was prepared, which nobody may have modified.
      const options = { variables, ...(operationName && { operationName }) };
      const repeated = await gateway.request(query, options);
      // Every object in a turn of its own.
      const turns = jest.spyOn(TURNS, 'isOver').mockReturnValue(true);
      const inTurns = await gateway.request(query, options);
      turns.mockRestore();
      for (const { data } of [planned, repeated, inTurns])
        expect({ ...about, text: JSON.stringify(data) }).toEqual({ ...about, text: JSON.stringify(plain.data) });
      // If several errors make the whole data null, any of them may come first.
      if (plain.data !== null)
        expect({ ...about, errors: sorted(planned) }).toEqual({ ...about, errors: sorted(plain) });
      else expect({ ...about, errors: planned.errors.length > 0 }).toEqual({ ...about, errors: true });
      if (plain.data !== null) answered += 1;
    }
    report(`${asked} documents, ${answered} of them answered with data`);
    expect(answered).toBeGreaterThan(DOCUMENTS / 4);
  });
});
