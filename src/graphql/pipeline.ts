import { execute, OperationTypeNode, type ExecutionResult, type GraphQLError } from 'graphql';
import { createYoga, type GraphiQLOptions, type Plugin } from 'graphql-yoga';
import { ANYBODY, type Caller } from '../access/caller.ts';
import type { Deadline } from '../batch/loaders.ts';
import { pickOperation } from './analysis.ts';
import { consistently } from './consistent.ts';
import { within } from './deadline.ts';
import { DocumentErrors, type Documents } from './documents.ts';
import { executePlan } from './execute-plan.ts';
import type { ExecutionOptions, RequestContext } from './execution-options.ts';
import { maskAll, type MaskError } from './mask.ts';
import { useSubscription } from './subscription.ts';
import { coerceVariables } from './variables.ts';

/** A GraphQL request with a valid document that is within the limits. */
export interface PipelineRequest {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  readonly caller: Caller;
  readonly deadline: Deadline;
  /** Collects the tags (`batch/tags.ts`) of everything that is read for the answer. */
  readonly tags?: Set<string>;
}

export interface PipelineOptions extends ExecutionOptions {
  readonly graphiql: GraphiQLOptions;
  readonly renderGraphiQL: (options: GraphiQLOptions) => Promise<string>;
}

export type Pipeline = ReturnType<typeof createPipeline>;

/**
 * Parses, validates and executes through Yoga's enveloped pipeline. `run` is for requests that the HTTP front has parsed, and
 * `subscribe` for those that are subscriptions; `handle` is Yoga's own HTTP handler, for GraphiQL.
 */
export function createPipeline(options: PipelineOptions) {
  const { schema, mask } = options;
  // The order matters: a document is looked up before it is validated, and its errors are masked last.
  const plugins: Plugin[] = [useStoredDocuments(options.documents), useExecution(options), useSubscription(options)];
  const yoga = createYoga<RequestContext>({
    schema,
    plugins,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    logging: false,
    multipart: false,
    cors: false,
    parserAndValidationCache: false,
    // The front has already read the body, with a limit.
    maxRequestBodySize: false,
    maskedErrors: { maskError: (error) => mask(error) },
    graphiql: options.graphiql,
    renderGraphiQL: options.renderGraphiQL,
  });
  // Yoga's HTTP handler would create its own context; ours needs only `RequestContext`.
  const getEnveloped: (context: RequestContext) => ReturnType<typeof yoga.getEnveloped> = yoga.getEnveloped;
  const prepare = async ({ query, operationName, variables, ...own }: PipelineRequest) => {
    const enveloped = getEnveloped(own);
    const document = enveloped.parse(query);
    enveloped.validate(schema, document);
    const contextValue = await enveloped.contextFactory();
    return { enveloped, args: { schema, document, contextValue, variableValues: variables, operationName } };
  };
  return {
    handle: yoga,
    /** Never rejects. Errors are masked and have codes; `data` is absent when nothing was executed. */
    async run(request: PipelineRequest): Promise<ExecutionResult> {
      try {
        const { enveloped, args } = await prepare(request);
        return await enveloped.execute(args);
      } catch (error) {
        return { errors: errorsOf(error, mask) };
      }
    },
    /**
     * Never rejects, nor do its results, which are masked like those of `run`. A single result means that there is no stream.
     */
    async subscribe(request: PipelineRequest): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
      try {
        const { enveloped, args } = await prepare(request);
        return await enveloped.subscribe(args);
      } catch (error) {
        return { errors: errorsOf(error, mask) };
      }
    },
  };
}

function errorsOf(error: unknown, mask: MaskError): readonly GraphQLError[] {
  if (error instanceof DocumentErrors) return error.errors;
  return (error instanceof AggregateError ? error.errors : [error]).map((one: unknown) => mask(one));
}

/** Looks up parsed and validated documents. */
function useStoredDocuments(documents: Documents): Plugin {
  return {
    onParse({ params, setParsedDocument }) {
      setParsedDocument(documents.read(String(params.source)).document);
    },
    onValidate({ params, setResult }) {
      // Only valid documents are stored.
      if (documents.of(params.documentAST) !== undefined) setResult([]);
    },
  };
}

/**
 * Executes the operation's plan, or if there is none, calls graphql's executor, in a context of the request's own. Runs a query
 * again when its reads were inconsistent, but a mutation only once, since it has written by then.
 */
function useExecution(options: ExecutionOptions): Plugin<RequestContext> {
  const { schema, documents, createContext, requestMs, mask, metrics } = options;
  const runs = { plain: metrics.executions.labels('plain'), planned: metrics.executions.labels('planned') };
  return {
    onExecute({ args, setExecuteFn }) {
      const stored = documents.of(args.document);
      if (stored === undefined) throw new Error('a document was executed that was not validated');
      const operation = pickOperation(stored.document, args.operationName);
      setExecuteFn(async () => {
        const deadline = args.contextValue.deadline ?? { isOver: false };
        const { caller = ANYBODY, tags = new Set() } = args.contextValue;
        const values = args.variableValues ?? {};
        const variables = operation && coerceVariables(schema, operation, values);
        if (variables !== undefined && 'errors' in variables) return { errors: variables.errors };
        // Without an operation to run, graphql's executor reports the error.
        const plan = operation && variables && stored.plan(operation, variables);
        const isPlanned = plan !== undefined && !plan.asksAboutSchema;
        runs[isPlanned ? 'planned' : 'plain'].inc();
        const run = () => {
          const contextValue = createContext({ caller, facts: stored.facts, deadline, tags });
          return isPlanned && variables !== undefined
            ? executePlan(plan, { contextValue, variables, deadline })
            : execute({ ...args, contextValue });
        };
        const isMutation = operation?.operation === OperationTypeNode.MUTATION;
        const running = isMutation ? run() : consistently(run, () => metrics.repeatedReads.inc());
        const result = await within(requestMs, running, deadline);
        return result.errors === undefined ? result : { ...result, errors: maskAll(result, mask) };
      });
    },
  };
}
