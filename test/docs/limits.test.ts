import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';
import { readPages } from './markdown.ts';

const page = (await readPages()).find(({ path }) => path === 'docs/limits.md');
const examples = (page?.blocks ?? []).flatMap((block, i) =>
  block.language === 'graphql' || block.language === 'gql'
    ? [{ ...block, said: page?.blocks[i + 1]?.text.trim() ?? '' }]
    : [],
);

describe('docs/limits.md', () => {
  let gateway: OwnGateway;
  beforeAll(async () => {
    gateway = await startOwnGateway();
  });
  afterAll(() => gateway.close());

  test('has examples, one of them refused', () => {
    expect(examples.filter(({ language }) => language === 'graphql').length).toBeGreaterThan(3);
    expect(examples.filter(({ language }) => language === 'gql').length).toBe(1);
  });

  test.each(examples)('says what the example of line $line costs', async ({ text, said }) => {
    const { errors, extensions } = await gateway.request(text, { headers: { 'graphql-cost': 'validate' } });
    const { requested, typeCost, fieldCost } = extensions?.cost ?? {};
    const refusal = errors.map(({ message }) => message).join('\n');
    expect(refusal || `cost ${requested}: typeCost ${typeCost}, fieldCost ${fieldCost}`).toBe(said);
  });
});
