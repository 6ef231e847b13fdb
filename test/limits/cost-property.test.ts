import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { buildSchema, parse, validate } from 'graphql';
import { answerCosts } from '../support/answer-costs.ts';
import { randomRequest, type RandomRequest } from '../support/random-request.ts';
import { REQUEST_VALUES } from '../support/request-values.ts';
import { startSeededGateway, type SeededGateway } from '../support/seeded.ts';
import { createSoak } from '../support/soak.ts';

const REQUESTS = 250;
const { seed, goesOn, report } = createSoak('cost');
const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));

let gateway: SeededGateway;
beforeAll(async () => {
  gateway = await startSeededGateway(300);
});
afterAll(() => gateway.close());

/** Valid requests for the whole schema. */
const requests = fc.gen().map((gen) =>
  randomRequest({
    schema,
    choose: (below) => gen(fc.nat, { max: below - 1 }),
    values: REQUEST_VALUES,
    root: 'Query',
    selections: 40,
  }),
);

/** Fields of the schema that results have contained. */
const seen = new Set<string>();
function note(data: unknown, aliases: RandomRequest['aliases']): void {
  if (Array.isArray(data)) data.forEach((one) => note(one, aliases));
  else if (typeof data === 'object' && data !== null)
    for (const [key, value] of Object.entries(data)) {
      const type = (data as { __typename: string }).__typename;
      seen.add(`${type}.${aliases.get(key) ?? key}`);
      note(value, aliases);
    }
}

describe('a random request', () => {
  test('never gets more objects, and never runs more resolvers, than its cost said', async () => {
    let most = 0;
    const property = fc.asyncProperty(requests, async ({ query, variables, aliases }) => {
      expect(validate(schema, parse(query))).toEqual([]);
      const answer = await gateway.request(query, { variables, headers: { 'graphql-cost': 'report' } });
      for (const { extensions } of answer.errors)
        expect(['BAD_USER_INPUT', 'QUERY_TOO_COMPLEX']).toContain(extensions.code);
      const said = answer.extensions?.cost;
      if (said === undefined) throw new Error(`no cost: ${answer.text}`);
      const given = answerCosts(schema, aliases, answer.data);
      // Sums of tenths are inexact.
      expect(given.typeCost).toBeLessThanOrEqual(said.typeCost + 1e-6);
      expect(given.fieldCost).toBeLessThanOrEqual(said.fieldCost + 1e-6);
      expect(said.requested).toBe(Math.ceil(Math.max(said.typeCost, said.fieldCost)));
      note(answer.data, aliases);
      most = Math.max(most, given.objects);
    });
    let asked = 0;
    // In rounds, each with its own seed, which a failure shows: `npm run soak -- cost --seed N`.
    for (; goesOn(asked >= REQUESTS); asked += REQUESTS)
      await fc.assert(property, { numRuns: REQUESTS, seed: (seed + asked) | 0 });
    report(`${asked} requests, the largest answer with ${most} objects, ${seen.size} fields of the schema`);
    // Verifies that the generated requests were worth asking.
    expect(most).toBeGreaterThan(300);
    expect(seen.size).toBeGreaterThan(120);
  });
});
