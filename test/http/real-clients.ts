import { hash } from 'node:crypto';
import type { ApolloLink } from '@apollo/client/core';
import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { ClientError, GraphQLClient } from 'graphql-request';
import relay, { type GraphQLResponse } from 'relay-runtime';

// Imported first: part of Apollo Client is CommonJS and requires graphql, which Jest refuses while graphql is being loaded.
await import('graphql');
const { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } = await import('@apollo/client/core');
const { PersistedQueryLink } = await import('@apollo/client/link/persisted-queries');

type Variables = Readonly<Record<string, unknown>>;

/** What a client returns to its user. */
export interface ClientAnswer {
  // Results have the shape of the query at hand, which each test knows.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any;
  /** The codes of the errors that it reports. */
  readonly codes: readonly unknown[];
}

/** A client with its default settings, apart from the address and what observes it. */
export interface RealClient {
  query(document: string, variables?: Variables): Promise<ClientAnswer>;
  mutate(document: string, variables?: Variables): Promise<ClientAnswer>;
}

type MakeClient = (url: string, fetch: typeof globalThis.fetch) => RealClient;

const codesOf = (errors: readonly { readonly extensions?: Readonly<Record<string, unknown>> }[] = []) =>
  errors.map(({ extensions }) => extensions?.['code']);

async function orCodes(run: () => Promise<ClientAnswer>): Promise<ClientAnswer> {
  try {
    return await run();
  } catch (error) {
    if (CombinedGraphQLErrors.is(error)) return { data: undefined, codes: codesOf(error.errors) };
    if (error instanceof ClientError) return { data: undefined, codes: codesOf(error.response.errors) };
    throw error;
  }
}

const apolloOver = (link: ApolloLink): RealClient => {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  return {
    query: (document, variables = {}) =>
      orCodes(async () => ({ data: (await client.query({ query: gql(document), variables })).data, codes: [] })),
    mutate: (document, variables = {}) =>
      orCodes(async () => ({ data: (await client.mutate({ mutation: gql(document), variables })).data, codes: [] })),
  };
};

/** Apollo Client with automatic persisted queries. */
export const apolloWithPersisted: MakeClient = (uri, fetch) => {
  const sha256 = (text: string): string => hash('sha256', text);
  return apolloOver(new PersistedQueryLink({ sha256 }).concat(new HttpLink({ uri, fetch })));
};

const urqlClient: MakeClient = (url, fetch) => {
  const client = new Client({ url, fetch, exchanges: [cacheExchange(), fetchExchange] });
  return {
    async query(document, variables = {}) {
      const { data, error } = await client.query(document, variables).toPromise();
      return { data, codes: codesOf(error?.graphQLErrors) };
    },
    async mutate(document, variables = {}) {
      const { data, error } = await client.mutation(document, variables).toPromise();
      return { data, codes: codesOf(error?.graphQLErrors) };
    },
  };
};

const graphqlRequest: MakeClient = (url, fetch) => {
  const client = new GraphQLClient(url, { fetch });
  const ask = (document: string, variables: Variables = {}): Promise<ClientAnswer> =>
    orCodes(async () => ({ data: await client.request(document, variables), codes: [] }));
  return { query: ask, mutate: ask };
};

/** Relay leaves requests to its user: this follows its documentation. It compiles documents; the text is sent here. */
const relayClient: MakeClient = (url, fetch) => {
  const network = relay.Network.create(async ({ text }, variables) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: text, variables }),
    });
    return (await response.json()) as GraphQLResponse;
  });
  const ask = async (text: string, variables: Variables = {}): Promise<ClientAnswer> => {
    const params = { id: null, cacheID: text, name: 'Test', operationKind: 'query', text, metadata: {} } as const;
    const answer = (await network.execute(params, { ...variables }, {}).toPromise()) as {
      data?: unknown;
      errors?: readonly { extensions?: Record<string, unknown> }[];
    };
    return { data: answer.data, codes: codesOf(answer.errors) };
  };
  return { query: ask, mutate: ask };
};

const plainFetch: MakeClient = (url, fetch) => {
  const ask = async (query: string, variables: Variables = {}): Promise<ClientAnswer> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as {
      data?: unknown;
      errors?: readonly { extensions: Record<string, unknown> }[];
    };
    return { data, codes: codesOf(errors) };
  };
  return { query: ask, mutate: ask };
};

/** Each client, by its name. */
export const REAL_CLIENTS: readonly (readonly [string, MakeClient])[] = [
  ['Apollo Client', (uri, fetch) => apolloOver(new HttpLink({ uri, fetch }))],
  ['urql with graphcache', urqlClient],
  ['graphql-request', graphqlRequest],
  ['Relay', relayClient],
  ['fetch', plainFetch],
];
