import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestGateway } from '../support/gateway.ts';
import { post, refusalOf } from './refusal.ts';
import { startRefusingGateway } from './refusing-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startRefusingGateway(1_000_000);
});
afterAll(() => gateway.close());

const MANY = 100_000;
const NESTED = 'Expected JSON of at most 100 levels, got more.';

test.each([
  ['nested arrays, of which none is closed', '['.repeat(MANY), NESTED],
  ['nested objects', `${'{"a":'.repeat(MANY)}1${'}'.repeat(MANY)}`, NESTED],
  ['arrays next to each other', `[${Array.from({ length: MANY }, () => '[]').join(',')}]`, 'Expected a JSON object'],
  ['brackets in a string', JSON.stringify({ query: '\\"['.repeat(MANY), operationName: 1 }), '"operationName"'],
  ['escaped quotes in a string that is not closed', `"${'\\"'.repeat(4 * MANY)}`, 'malformed JSON'],
])('a large body of %s is refused for what it is', async (_, body, message) => {
  const refusal = await refusalOf(`${gateway.url}/graphql`, post(body));
  expect(refusal).toMatchObject({ status: 400, code: 'BAD_USER_INPUT', message: expect.stringContaining(message) });
});
