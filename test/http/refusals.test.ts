import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';

let gateway: OwnGateway;

beforeAll(async () => {
  gateway = await startOwnGateway();
});

afterAll(() => gateway.close());

/** Sends a GET with these parameters, or a POST with them as its JSON body. */
async function send(method: 'GET' | 'POST', parameters: Readonly<Record<string, unknown>>, accept: string) {
  const url = `${gateway.url}/graphql`;
  const texts = Object.entries(parameters).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const response =
    method === 'GET'
      ? await fetch(`${url}?${new URLSearchParams(texts).toString()}`, { headers: { accept } })
      : await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept },
          body: JSON.stringify(parameters),
        });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

describe.each(['application/json', 'application/graphql-response+json'])('a client that accepts %s', (accept) => {
  const isJson = accept === 'application/json';

  test.each<[string, number, string, RequestInit]>([
    [
      'a body that is not JSON',
      400,
      '/graphql',
      { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } },
    ],
    ['a body of another type', 415, '/graphql', { method: 'POST', body: 'x' }],
    ['a mutation by GET', 405, `/graphql?query=${encodeURIComponent('mutation { __typename }')}`, {}],
    ['another method', 405, '/graphql', { method: 'DELETE' }],
    ['a path that does not exist', 404, '/graphqls', {}],
  ])('gets a refusal in this media type for %s', async (...[, status, path, init]) => {
    const headers = { ...(init.headers as Record<string, string>), accept };
    const response = await fetch(`${gateway.url}${path}`, { ...init, headers });
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    expect([response.status, response.headers.get('content-type'), response.headers.get('vary')]).toEqual([
      ...[status, `${accept}; charset=utf-8`, 'Accept'],
    ]);
  });

  test.each(['GET', 'POST'] as const)(
    'is told in this media type to send the document that a hash stands for, by %s',
    async (method) => {
      const persistedQuery = { version: 1, sha256Hash: 'a'.repeat(64) };
      for (const query of [undefined, '', ...(method === 'POST' ? [null] : [])]) {
        const answer = await send(
          method,
          { ...(query === undefined ? {} : { query }), extensions: { persistedQuery } },
          accept,
        );
        expect([answer.status, answer.type]).toEqual([isJson ? 200 : 404, `${accept}; charset=utf-8`]);
        expect(JSON.parse(answer.body)).toEqual({
          errors: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
        });
      }
      const query = '{ __typename }';
      const other = await send(method, { query, extensions: { persistedQuery } }, accept);
      expect([other.status, JSON.parse(other.body).errors[0].extensions.code]).toEqual([
        isJson ? 200 : 400,
        'BAD_USER_INPUT',
      ]);
      const right = { ...persistedQuery, sha256Hash: hash('sha256', query) };
      for (const sent of [{ query }, {}]) {
        const both = await send(method, { ...sent, extensions: { persistedQuery: right } }, accept);
        expect([both.status, both.body]).toEqual([200, '{"data":{"__typename":"Query"}}']);
      }
    },
  );
});
