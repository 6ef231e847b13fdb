import { expect } from '@jest/globals';
import type { TestGateway } from '../support/gateway.ts';

/** Sends a mutation whose input the schema does not allow: that is an error of the request. */
export async function expectNotInSchema(gateway: TestGateway, name: string, input: object): Promise<void> {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const mutation = `mutation($input: ${type}!) { ${name}(input: $input) { userErrors { code } } }`;
  const answer = await gateway.request(mutation, { variables: { input } });
  expect(answer.data).toBeUndefined();
  expect(new Set(answer.errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['BAD_USER_INPUT']));
}
