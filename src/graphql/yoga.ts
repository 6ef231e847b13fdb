import { GraphQLError, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { createYoga, type GraphiQLOptions, type Plugin } from 'graphql-yoga';
import type { Caller } from '../access/caller.ts';
import { graphqlError } from './coded-errors.ts';
import type { Respond } from './run.ts';
import type { MaskError } from './stages/mask.ts';

export interface YogaOptions {
  readonly schema: GraphQLSchema;
  readonly respond: Respond;
  readonly callerOf: (request: Request) => Caller;
  readonly maskError: MaskError;
  readonly graphiql: GraphiQLOptions;
  readonly renderGraphiQL: (options: GraphiQLOptions) => Promise<string>;
}

/** Creates GraphQL Yoga's handler, which serves GraphiQL. An operation is prepared and run like that of any other request. */
export function createYogaHandler({ respond, callerOf, maskError, ...options }: YogaOptions) {
  const useRespond: Plugin = {
    onParams({ params, request, setParamsHandler }) {
      setParamsHandler(async (): Promise<ExecutionResult> => {
        const { query = '', operationName, variables } = params;
        const parameters = {
          query,
          hasHashOnly: false,
          operationName: operationName ?? undefined,
          variables: variables ?? undefined,
        };
        const { signal, method } = request;
        const origin = {
          caller: callerOf(request),
          signal,
          refresh: false,
          isSafe: method === 'GET',
          costMode: undefined,
        };
        // Yoga has parsed the request already.
        const response = await respond({ text: JSON.stringify(parameters), parse: () => parameters }, origin);
        if ('start' in response) return { errors: [noStreams()] };
        const result = JSON.parse(response.body.toString()) as ExecutionResult;
        return response.status === 405 ? withHttp(result, response) : result;
      });
    },
  };
  return createYoga({
    ...options,
    plugins: [useRespond],
    graphqlEndpoint: '/graphql',
    landingPage: false,
    logging: false,
    multipart: false,
    cors: false,
    parserAndValidationCache: false,
    maskedErrors: { maskError: (error) => maskError(error) },
  });
}

/** Event streams are sent by `src/http/subscriptions.ts` alone, which limits how many there are. */
const noStreams = () => graphqlError('BAD_USER_INPUT', 'Expected a query or mutation, got a subscription.');

/** Passes on the status and headers of a response to Yoga, which takes them from an error. */
const withHttp = (
  { errors = [] }: ExecutionResult,
  { status, headers }: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
): ExecutionResult => ({
  errors: errors.map(
    ({ message, extensions }) =>
      new GraphQLError(message, { extensions: { ...extensions, http: { status, headers } } }),
  ),
});
