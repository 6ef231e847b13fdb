import { GraphQLError } from 'graphql';
import { codeOf, ERROR_CODES, type ErrorCode } from '../errors.ts';
import type { RateLimited } from '../rate-limit/rate-limit.ts';

/** How many errors are reported of a document or its variables. More would help attackers rather than developers. */
export const MAX_ERRORS = 5;

/** A GraphQL error with a code. */
export const graphqlError = (code: ErrorCode, message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code } });

/** The error of a client that has spent its cost per minute, with the seconds to wait in `extensions.retryAfter`. */
export const rateLimitError = ({ code, message, retryAfterSeconds }: RateLimited): GraphQLError =>
  new GraphQLError(message, { extensions: { code, retryAfter: retryAfterSeconds } });

/** The code of an error, or of the one that it wraps; undefined if neither has any. */
export function exposedCode(error: unknown): ErrorCode | undefined {
  if (!(error instanceof GraphQLError)) return codeOf(error);
  const { code } = error.extensions;
  if (typeof code === 'string' && Object.hasOwn(ERROR_CODES, code)) return code as ErrorCode;
  return exposedCode(error.originalError);
}

// Some messages quote the input, which can be of any length.
const MAX_MESSAGE = 500;

/** A copy of an error with a code. */
export function coded(error: GraphQLError, code: ErrorCode): GraphQLError {
  return new GraphQLError(error.message.slice(0, MAX_MESSAGE), {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions: { ...error.extensions, code },
    ...(error.originalError ? { originalError: error.originalError } : {}),
  });
}
