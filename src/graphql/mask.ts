import { randomUUID } from 'node:crypto';
import { GraphQLError, type ExecutionResult } from 'graphql';
import { createError, ERROR_CODES, exposedCode, type ErrorCode } from '../errors.ts';
import { toGatewayError } from '../db/errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { coded } from './documents.ts';

/** An error as a client may see it: with a code, and nothing of an unexpected one but an id that is in the log. */
export type MaskError = (error: unknown) => GraphQLError;

/** Masks what is not meant for clients, and logs it under the id that they get. */
export function createMask({ log, metrics }: { log: Log; metrics: Metrics }): MaskError {
  return (error) => {
    const located = error instanceof GraphQLError ? error : undefined;
    const thrown = toGatewayError(deepest(error));
    const shown = outermostCoded(error) ?? outermostCoded(thrown);
    const code = exposedCode(shown);
    if (shown !== undefined && code !== undefined) return coded(placed(shown, located), code);
    const refused = located && refusedRequest(located);
    if (refused) return refused;
    const errorId = randomUUID();
    metrics.maskedErrors.inc();
    log.error({ err: thrown, errorId, path: located?.path?.join('.') }, 'unexpected error');
    const masked = new GraphQLError('Unexpected error.', { extensions: { errorId } });
    return coded(placed(masked, located), 'INTERNAL_SERVER_ERROR');
  };
}

/**
 * A result's errors, masked. Without data nothing was executed, and the executor itself tells what is wrong with the
 * variables or the operation.
 */
export function maskAll(result: ExecutionResult, mask: MaskError): GraphQLError[] {
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

/** The HTTP status of an answer that holds these errors and no data. */
export function statusOf(errors: readonly GraphQLError[]): number {
  const code = errors[0]?.extensions['code'];
  return typeof code === 'string' && code in ERROR_CODES ? ERROR_CODES[code as ErrorCode] : 500;
}

/** Yoga's own word about a request that it cannot read: the error of no resolver, with a status of 4xx. */
function refusedRequest({ message, extensions, originalError, path }: GraphQLError): GraphQLError | undefined {
  const { http } = extensions;
  if (originalError || path !== undefined || http?.status === undefined) return undefined;
  return http.status < 500 ? new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http } }) : undefined;
}

/** What was thrown with a code: it may wrap a cause that has another, or none. */
function outermostCoded(error: unknown): GraphQLError | undefined {
  if (!(error instanceof GraphQLError)) return undefined;
  return exposedCode(error) === undefined ? outermostCoded(error.originalError) : error;
}

function deepest(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? deepest(error.originalError) : error;
}

function placed(shown: GraphQLError, located: GraphQLError | undefined): GraphQLError {
  if (located === undefined || shown === located) return shown;
  return new GraphQLError(shown.message, {
    nodes: located.nodes ?? null,
    path: located.path ?? null,
    extensions: shown.extensions,
  });
}
