import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import { createRandom } from '../../src/data/seed/random.ts';
import { ANY_COST } from '../support/gateway.ts';
import { randomRequest } from '../support/random-request.ts';
import { REQUEST_VALUES } from '../support/request-values.ts';
import { askTwice, startSeededGateway, type SeededGateway } from '../support/seeded.ts';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
// Another one each time; the same again by EXECUTOR_SEED.
const seed = Number(process.env['EXECUTOR_SEED'] ?? randomInt(2 ** 31));
const DOCUMENTS = 200;

describe('a document that is asked again, and then runs compiled', () => {
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
  ])('%s: gets the same answer', async (_, query) => {
    const { plain, compiled } = await askTwice(gateway, query);
    expect(plain.errors).toEqual([]);
    expect(compiled.data).toEqual(plain.data);
  });

  test(`is any of ${DOCUMENTS} at random: gets the same answer, EXECUTOR_SEED=${seed}`, async () => {
    const random = createRandom(seed, 0);
    let answered = 0;
    for (let number = 0; number < DOCUMENTS; number += 1) {
      const request = {
        schema,
        choose: (below: number) => random.below(below),
        values: REQUEST_VALUES,
        root: 'Query',
        selections: 25,
      } as const;
      const { query, variables } = randomRequest(request);
      const { plain, compiled } = await askTwice(gateway, query, variables);
      expect({ query, variables, data: compiled.data }).toEqual({ query, variables, data: plain.data });
      if (plain.data !== null) answered += 1;
    }
    expect(answered).toBeGreaterThan(DOCUMENTS / 4);
  });
});
