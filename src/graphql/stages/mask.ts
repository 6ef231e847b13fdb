import { randomUUID } from 'node:crypto';
import { GraphQLError, type ExecutionResult } from 'graphql';
import { CodedError, createError, ERROR_CODES, type ErrorCode } from '../../errors.ts';
import { toGatewayError } from '../../db/errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { coded, exposedCode } from '../coded-errors.ts';

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
    const refused = located && (refusedRequest(located) ?? refusedArgument(located));
    if (refused) return refused;
    const errorId = randomUUID();
    metrics.maskedErrors.inc();
    log.error({ err: thrown, errorId, path: located?.path?.join('.') }, 'unexpected error');
    const masked = new GraphQLError('Unexpected error.', { extensions: { errorId } });
    return coded(placed(masked, located), 'INTERNAL_SERVER_ERROR');
  };
}

/** The result of a query or mutation, or those of a subscription, one for each event. */
export type Results = ExecutionResult | AsyncIterable<ExecutionResult>;

/**
 * Masks the errors of a result, or turns a rejection into a result with a masked error; never rejects. A result without data
 * means that nothing was executed; then graphql's own errors say what is wrong with the request. A stream of results is
 * returned unchanged: each of them is masked when it is executed.
 */
export async function mask(running: PromiseLike<ExecutionResult>, maskError: MaskError): Promise<ExecutionResult>;
export async function mask(running: PromiseLike<Results>, maskError: MaskError): Promise<Results>;
export async function mask(running: PromiseLike<Results>, maskError: MaskError): Promise<Results> {
  try {
    const result = await running;
    if (Symbol.asyncIterator in result || result.errors === undefined) return result;
    const isRequestError = result.data === undefined;
    const errors = result.errors.map((error) =>
      maskError(
        isRequestError && exposedCode(error) === undefined && isOfGraphQL(error)
          ? createError('BAD_USER_INPUT', error.message)
          : error,
      ),
    );
    return { ...result, errors };
  } catch (error) {
    return { errors: [maskError(error)] };
  }
}

/** Whether the error comes from GraphQL itself: an invalid variable's error wraps that of the scalar. */
function isOfGraphQL({ originalError }: GraphQLError): boolean {
  return originalError === undefined || (originalError instanceof GraphQLError && isOfGraphQL(originalError));
}

/** The HTTP status of a response that has these errors and no data. */
export function statusOf(errors: readonly GraphQLError[]): number {
  const code = errors[0]?.extensions['code'];
  return typeof code === 'string' && code in ERROR_CODES ? ERROR_CODES[code as ErrorCode] : 500;
}

/** Yoga's own error for a request that it cannot read: not from a resolver, and with status 4xx. */
function refusedRequest({ message, extensions, originalError, path }: GraphQLError): GraphQLError | undefined {
  const { http } = extensions;
  if (originalError || path !== undefined || http?.status === undefined) return undefined;
  return http.status < 500 ? new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http } }) : undefined;
}

/** GraphQL's own error for a variable that is null or missing in an argument. Validation lets some such variables through. */
function refusedArgument(error: GraphQLError): GraphQLError | undefined {
  return isOfGraphQL(error) && error.message.startsWith('Argument "') ? coded(error, 'BAD_USER_INPUT') : undefined;
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
  if (shown instanceof GraphQLError && (located === undefined || shown === located)) return shown;
  return new GraphQLError(shown.message, {
    nodes: located?.nodes ?? null,
    path: located?.path ?? null,
    extensions: shown instanceof GraphQLError ? shown.extensions : {},
  });
}
