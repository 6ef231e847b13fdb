import { randomUUID } from 'node:crypto';
import { GraphQLError, type ExecutionResult } from 'graphql';
import { CodedError, createError } from '../../errors.ts';
import { denialOf, toGatewayError } from '../../db/errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { TURNS } from '../../turns.ts';
import { RateLimited } from '../../rate-limit/rate-limit.ts';
import { coded, exposedCode, rateLimitError } from '../coded-errors.ts';

/** Converts an error to what a client may see: with a code, and for an unexpected error only an id, which is also in the log. */
export type MaskError = (error: unknown) => GraphQLError;

/** Masks errors that are not meant for clients, and logs them under the id that clients get. */
export function createMaskError({ log, metrics }: { log: Log; metrics: Metrics }): MaskError {
  return (error) => {
    const located = error instanceof GraphQLError ? error : undefined;
    const thrown = toGatewayError(deepest(error));
    const shown = outermostCoded(error) ?? outermostCoded(thrown);
    const code = exposedCode(shown);
    if (shown !== undefined && code !== undefined) return coded(placed(shown, located), code);
    const refused = located && refusedArgument(located);
    if (refused) return refused;
    const errorId = randomUUID();
    metrics.maskedErrors.inc();
    log.error({ err: thrown, errorId, path: located?.path?.join('.'), denied: denialOf(thrown) }, 'unexpected error');
    const masked = new GraphQLError('Unexpected error.', { extensions: { errorId } });
    return coded(placed(masked, located), 'INTERNAL_SERVER_ERROR');
  };
}

/**
 * Masks the errors of a result, or turns a rejection into a result with a masked error; never rejects. A result without data
 * means that nothing was executed; then the errors of graphql-js say what is wrong with the request. A stream of results is
 * returned unchanged: each of them is masked when it is executed.
 */
export async function mask<Result extends ExecutionResult | AsyncIterable<ExecutionResult>>(
  running: PromiseLike<Result>,
  maskError: MaskError,
  client: string,
): Promise<Result | ExecutionResult> {
  try {
    const result = await running;
    if (Symbol.asyncIterator in result || result.errors === undefined) return result;
    const isRequestError = result.data === undefined;
    const errors: GraphQLError[] = [];
    for (const error of result.errors) {
      const isOfRequest = isRequestError && exposedCode(error) === undefined && isOfGraphqlJs(error);
      errors.push(maskError(isOfRequest ? createError('BAD_USER_INPUT', error.message) : error));
      // There may be thousands.
      // oxlint-disable-next-line eslint/no-await-in-loop -- one turn after the other
      if (TURNS.isOver()) await TURNS.next(client);
    }
    return { ...result, errors };
  } catch (error) {
    return { errors: [maskError(error)] };
  }
}

/** Whether the error comes from graphql-js: an invalid variable's error wraps that of the scalar. */
function isOfGraphqlJs({ originalError }: GraphQLError): boolean {
  return originalError === undefined || (originalError instanceof GraphQLError && isOfGraphqlJs(originalError));
}

/** The error of graphql-js for a variable that is null or missing in an argument. Validation lets some such variables through. */
function refusedArgument(error: GraphQLError): GraphQLError | undefined {
  return isOfGraphqlJs(error) && error.message.startsWith('Argument "') ? coded(error, 'BAD_USER_INPUT') : undefined;
}

/** The outermost error with a code of its own: it may wrap a cause that has a different one, or none. */
function outermostCoded(error: unknown): GraphQLError | CodedError | undefined {
  if (!(error instanceof GraphQLError)) return error instanceof CodedError ? error : undefined;
  return error.extensions['code'] === undefined ? outermostCoded(error.originalError) : error;
}

function deepest(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? deepest(error.originalError) : error;
}

function placed(shown: GraphQLError | CodedError, located: GraphQLError | undefined): GraphQLError {
  if (shown instanceof RateLimited) return rateLimitError(shown);
  if (shown instanceof GraphQLError && (located === undefined || shown === located)) return shown;
  return new GraphQLError(shown.message, {
    nodes: located?.nodes ?? null,
    path: located?.path ?? null,
    extensions: shown instanceof GraphQLError ? shown.extensions : {},
  });
}
