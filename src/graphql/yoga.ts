import { GraphQLError, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { createYoga, type GraphiQLOptions, type Plugin } from 'graphql-yoga';
import type { Caller } from '../access/caller.ts';
import { RequestErrors } from './documents.ts';
import { isMutation, isSubscription } from './operation.ts';
import type { Prepare } from './prepare.ts';
import type { Run } from './run.ts';
import type { MaskError } from './stages/mask.ts';

export interface YogaOptions {
  readonly schema: GraphQLSchema;
  readonly prepare: Prepare;
  readonly run: Run;
  readonly callerOf: (request: Request) => Caller;
  readonly maskError: MaskError;
  readonly graphiql: GraphiQLOptions;
  readonly renderGraphiQL: (options: GraphiQLOptions) => Promise<string>;
}

/** Creates GraphQL Yoga's handler, which shows GraphiQL. Operations are prepared and executed as for any other request. */
export function createYogaHandler({ prepare, run, callerOf, maskError, ...options }: YogaOptions) {
  const useRun: Plugin = {
    onParams({ params, request, setParamsHandler }) {
      setParamsHandler(async () => {
        const { query = '', operationName, variables } = params;
        const origin = { caller: callerOf(request), signal: request.signal, refresh: false, costMode: undefined };
        try {
          const parameters = { query, hasHashOnly: false, operationName: operationName ?? undefined, variables };
          // Yoga has parsed the request already.
          const operation = prepare({ text: JSON.stringify(parameters), parse: () => parameters }, origin);
          if (isMutation(operation) && request.method === 'GET') return { errors: [mutationByGet()] };
          const outcome = isSubscription(operation) ? run.subscribe(operation) : await run.respond(operation);
          if ('start' in outcome) return await outcome.start(request.signal);
          return JSON.parse(outcome.body.toString()) as ExecutionResult;
        } catch (error) {
          if (error instanceof RequestErrors) return { errors: error.errors };
          throw error;
        }
      });
    },
  };
  return createYoga({
    ...options,
    plugins: [useRun],
    graphqlEndpoint: '/graphql',
    landingPage: false,
    logging: false,
    multipart: false,
    cors: false,
    parserAndValidationCache: false,
    maskedErrors: { maskError: (error) => maskError(error) },
  });
}

const mutationByGet = () =>
  new GraphQLError('Expected a mutation by POST, got GET.', {
    extensions: { code: 'BAD_USER_INPUT', http: { status: 405, headers: { allow: 'POST' } } },
  });
