import { execute, GraphQLError, OperationTypeNode, type ExecutionResult, type GraphQLSchema } from 'graphql';

import { createYoga, type GraphiQLOptions, type Plugin } from 'graphql-yoga';
import { ANYBODY, type Caller } from '../access/caller.ts';
import type { Deadline } from '../batch/loaders.ts';
import type { Context } from '../crm/context.ts';
import { createError, exposedCode } from '../errors.ts';
import { pickOperation, type DocumentFacts } from './analysis.ts';
import { DocumentErrors, type Documents } from './documents.ts';
import type { MaskError } from './mask.ts';
import { coerceVariables } from './variables.ts';

/** What every request brings: who asks. */
export interface RequestContext {
  readonly caller?: Caller;
  /** Ended by the HTTP front when the client goes away. */
  readonly deadline?: Deadline;
}

/** A GraphQL request whose document is known to be valid. */
export interface PipelineRequest {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  readonly caller: Caller;
  readonly deadline: Deadline;
}

export interface PipelineOptions {
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly mask: MaskError;
  readonly createContext: (caller: Caller, facts: DocumentFacts, deadline: Deadline) => Context;
  readonly requestMs: number;
  readonly bodyBytes: number;
  readonly graphiql: GraphiQLOptions;
  readonly renderGraphiQL: (options: GraphiQLOptions) => Promise<string>;
}

export type Pipeline = ReturnType<typeof createPipeline>;

/**
 * Parses, validates and executes through Yoga's enveloped pipeline. `run` is for requests that the HTTP front has read
 * itself; `handle` is Yoga's own HTTP handler, for GraphiQL and everything else that is not a plain GET or POST.
 */
export function createPipeline(options: PipelineOptions) {
  const { schema, mask } = options;
  // The order counts: a document is found before it is validated, and its errors are masked last.
  const plugins: Plugin[] = [useStoredDocuments(options.documents), useExecution(options)];
  const yoga = createYoga<RequestContext>({
    schema,
    plugins,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    logging: false,
    multipart: false,
    cors: false,
    parserAndValidationCache: false,
    maxRequestBodySize: options.bodyBytes,
    maskedErrors: { maskError: (error) => mask(error) },
    graphiql: options.graphiql,
    renderGraphiQL: options.renderGraphiQL,
  });
  // Yoga's own context is made by its HTTP handler; `caller` is all that ours needs of it.
  const getEnveloped: (context: RequestContext) => ReturnType<typeof yoga.getEnveloped> = yoga.getEnveloped;
  return {
    handle: yoga,
    /** Never rejects; errors are masked and have codes. Without `data` when nothing was executed. */
    async run({ query, operationName, variables, caller, deadline }: PipelineRequest): Promise<ExecutionResult> {
      try {
        const enveloped = getEnveloped({ caller, deadline });
        const document = enveloped.parse(query);
        enveloped.validate(schema, document);
        const contextValue = await enveloped.contextFactory();
        return await enveloped.execute({ schema, document, contextValue, variableValues: variables, operationName });
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

/** Takes parsed and validated documents from where they are kept. */
function useStoredDocuments(documents: Documents): Plugin {
  return {
    onParse({ params, setParsedDocument }) {
      setParsedDocument(documents.read(String(params.source)).document);
    },
    onValidate({ params, setResult }) {
      // Only valid documents are kept.
      if (documents.of(params.documentAST) !== undefined) setResult([]);
    },
  };
}

/** Runs the compiled operation, or the plain executor where there is none, with a context of the request's own. */
function useExecution({ schema, documents, createContext, requestMs, mask }: PipelineOptions): Plugin<RequestContext> {
  return {
    onExecute({ args, setExecuteFn }) {
      const stored = documents.of(args.document);
      if (stored === undefined) throw new Error('a document was executed that was not validated');
      const operation = pickOperation(stored.document, args.operationName);
      setExecuteFn(async () => {
        const deadline = args.contextValue.deadline ?? { isOver: false };
        const context = createContext(args.contextValue.caller ?? ANYBODY, stored.facts, deadline);
        // After a mutation that fails, graphql-jit goes on to those after it; the plain executor begins none.
        const compiled =
          operation?.operation === OperationTypeNode.MUTATION
            ? undefined
            : stored.compiled(args.operationName ?? undefined);
        const values = args.variableValues ?? {};
        const variables = operation && coerceVariables(schema, { operation, use: stored.facts.variables }, values);
        if (variables !== undefined && 'errors' in variables) return { errors: variables.errors };
        const running =
          compiled === undefined
            ? execute({ ...args, contextValue: context })
            : compiled.query({}, context, variables?.coerced ?? {});
        const result = await within(requestMs, running, deadline);
        const { errors, ...rest } = result;
        // Errors first, as the specification advises; the compiled operation gives them last.
        return errors === undefined ? result : { errors: maskAll(result, mask), ...rest };
      });
    },
  };
}

// Without data nothing was executed, and the executor itself tells what is wrong with the variables or the operation.
function maskAll(result: ExecutionResult, mask: MaskError): GraphQLError[] {
  const isRequestError = !('data' in result) || result.data === undefined;
  return (result.errors ?? []).map((error) =>
    mask(
      isRequestError && exposedCode(error) === undefined && isOfGraphQL(error)
        ? createError('BAD_USER_INPUT', error.message)
        : error,
    ),
  );
}

/** Whether nothing but GraphQL itself speaks: a wrong value of a variable wraps the scalar's own error. */
function isOfGraphQL({ originalError }: GraphQLError): boolean {
  return originalError === undefined || (originalError instanceof GraphQLError && isOfGraphQL(originalError));
}

/** What comes of a promise, or TIMEOUT; what comes too late is dropped, and the deadline over. */
async function within<Result>(
  timeoutMs: number,
  running: PromiseLike<Result> | Result,
  deadline: Deadline,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = () => createError('TIMEOUT', `The request took longer than ${timeoutMs} ms; ask for less at once.`);
    timer = setTimeout(() => {
      deadline.isOver = true;
      reject(error());
    }, timeoutMs);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}
