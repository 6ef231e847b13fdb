import { expect } from '@jest/globals';

/** The smallest possible request. */
export const HELLO = '{"query":"{ __typename }"}';

/** A write that must not get through. */
export const MUTATION = 'mutation { createCustomer(input: { name: "Mallory" }) { customer { id } } }';

/** Sends a request that is refused: every refusal has GraphQL's format and reveals nothing internal. */
export async function refusalOf(url: string, init: RequestInit = {}) {
  const response = await fetch(url, init);
  const text = await response.text();
  expect(text).not.toMatch(/node_modules|\bat .*:\d+|\.ts\b/);
  const { errors, ...rest } = JSON.parse(text);
  expect(rest).toEqual({});
  const { message, extensions } = errors[0] as { message: string; extensions: { code: string } };
  return { response, status: response.status, code: extensions.code, message };
}

/** A POST of a raw body. */
export function post(body: string | Buffer<ArrayBuffer>, type = 'application/json'): RequestInit {
  return { method: 'POST', headers: { 'content-type': type, accept: 'application/graphql-response+json' }, body };
}
