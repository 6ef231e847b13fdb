import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bearing, BY_SECRET, tokenOf } from '../access/tokens.ts';
import { startOwnGateway, type OwnGateway } from '../support/own-gateway.ts';

// The checks of graphql-cop (github.com/dolevf/graphql-cop, 2b7e086), in its own terms: what it sends, and what it takes for a finding.

type Headers = Readonly<Record<string, string>>;
interface Response {
  readonly text: string;
  // Whatever a scanner looks for in it.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

let gateway: OwnGateway;
let signedIn: Headers;

beforeAll(async () => {
  // As in production, where only those with crm:explore may see the schema.
  gateway = await startOwnGateway({ ...BY_SECRET, AUTH_EXPLORE: 'scope' });
  signedIn = bearing(await tokenOf({ scope: 'crm:read crm:write crm:pii' }));
});

afterAll(() => gateway.close());

async function sent(init: RequestInit & { readonly params?: Readonly<Record<string, string>> }): Promise<Response> {
  const { params, ...rest } = init;
  const query = params === undefined ? '' : `?${new URLSearchParams(params)}`;
  const text = await (await fetch(`${gateway.url}/graphql${query}`, rest)).text();
  try {
    return { text, json: JSON.parse(text) };
  } catch {
    return { text, json: undefined };
  }
}
const posted = (headers: Headers, data: unknown): Promise<Response> =>
  sent({ method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(data) });
const asked = (headers: Headers, query: string) => posted(headers, { query, operationName: 'cop' });
const repeated = (times: number, text: (i: number) => string) =>
  Array.from({ length: times }, (_, i) => text(i)).join('');

const CHECKS: Readonly<Record<string, (headers: Headers) => Promise<boolean>>> = {
  'alias overloading': async (headers) =>
    Boolean(
      (await asked(headers, `query cop { ${repeated(101, (i) => `alias${i}:__typename \n`)} }`)).json?.data?.alias100,
    ),
  'array-based query batching': async (headers) => {
    const { json } = await posted(
      headers,
      Array.from({ length: 10 }, () => ({ query: 'query cop { __typename }' })),
    );
    return json?.length >= 10;
  },
  'circular query by introspection': async (headers) => {
    const query = `query cop { __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }`;
    return (await asked(headers, query)).json?.data?.['__schema']?.types?.length > 25;
  },
  'directive overloading': async (headers) =>
    (await asked(headers, `query cop { __typename ${'@aa'.repeat(10)} }`)).json?.errors?.length === 10,
  'field duplication': async (headers) =>
    Boolean((await asked(headers, `query cop { ${'__typename \n'.repeat(500)}} `)).json?.data?.__typename),
  'field suggestions': async (headers) =>
    String((await asked(headers, 'query cop { __schema { directive } }')).json?.errors?.[0]?.message).includes(
      'Did you mean',
    ),
  'mutations by GET': async (headers) =>
    Boolean((await sent({ headers, params: { query: 'mutation cop {__typename}' } })).json?.data?.__typename),
  'queries by GET': async (headers) =>
    Boolean((await sent({ headers, params: { query: 'query cop {__typename}' } })).json?.data?.__typename),
  GraphiQL: async (headers) =>
    /graphiql\.min\.css|GraphQL Playground|GraphiQL|graphql-playground/.test(
      (await sent({ headers: { ...headers, accept: 'text/html' } })).text,
    ),
  introspection: async (headers) =>
    Boolean(
      (await asked(headers, 'query cop { __schema { types { name fields { name } } } }')).json?.data?.['__schema']
        ?.types,
    ),
  'url-encoded queries by POST': async (headers) => {
    const body = new URLSearchParams({ query: 'query cop { __typename }' });
    return Boolean((await sent({ method: 'POST', headers, body })).json?.data?.__typename);
  },
  tracing: async (headers) => /"extensions":\{"tracing"/.test((await asked(headers, 'query cop { __typename }')).text),
  'unhandled errors': async (headers) => {
    const { text, json } = await asked(headers, 'qwerty cop { abc }');
    return Boolean(json?.errors?.[0]?.extensions?.exception) || text.includes('"exception"');
  },
};

async function findings(headers: Headers): Promise<readonly string[]> {
  const found = await Promise.all(
    Object.entries(CHECKS).map(async ([name, check]) => ((await check(headers)) ? [name] : [])),
  );
  return found.flat();
}

describe('a scanner finds', () => {
  test('nothing without a token', async () => {
    expect(await findings({})).toEqual([]);
  });

  test('only queries by GET with one, which no page of another origin can send', async () => {
    expect(await findings(signedIn)).toEqual(['queries by GET']);
  });

  test('what it looks for, where that is allowed', async () => {
    const explorer = bearing(await tokenOf({ scope: 'crm:read crm:explore' }));
    expect(await findings(explorer)).toEqual(['field suggestions', 'queries by GET', 'GraphiQL', 'introspection']);
  });
});
