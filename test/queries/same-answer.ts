import { expect } from '@jest/globals';
import { askBoth, type SeededGateway } from '../support/seeded.ts';

/** The data of a document, which must be the same by its plan and by graphql-js. */
export async function sameData(
  gateway: SeededGateway,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
  // oxlint-disable-next-line typescript/no-explicit-any -- of the shape of the query, which each test knows
): Promise<any> {
  const { plain, planned } = await askBoth(gateway, query, variables);
  expect({ query, variables, errors: plain.errors }).toEqual({ query, variables, errors: [] });
  expect(planned.text).toBe(plain.text);
  return plain.data;
}
