import type { ExecutionResult, GraphQLError } from 'graphql';
import { ERROR_CODES, type ErrorCode } from '../../errors.ts';
import { isGiven } from '../../given.ts';

/** A response that is ready to be sent. */
export interface GraphQLResponse {
  /** JSON in UTF-8. */
  readonly body: Buffer;
  /** For `application/graphql-response+json`. With `application/json`, 200 is sent instead, except of 405. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it has errors, so that it must not be stored. */
  readonly hasErrors: boolean;
}

const NOT_STORED = { 'x-cache': 'BYPASS', 'cache-control': 'no-store' };

/** Encodes a masked result as bytes, once; a string would be encoded twice, for the client and for Redis. */
export function serialise(result: ExecutionResult): GraphQLResponse {
  const { data, errors } = result;
  const hasErrors = errors !== undefined && errors.length > 0;
  return {
    body: Buffer.from(JSON.stringify(result)),
    status: hasErrors && !isGiven(data) ? statusOf(errors) : 200,
    headers: NOT_STORED,
    hasErrors,
  };
}

/** The HTTP status of a response that has these errors and no data. */
function statusOf(errors: readonly GraphQLError[]): number {
  const code = errors[0]?.extensions['code'];
  return typeof code === 'string' && code in ERROR_CODES ? ERROR_CODES[code as ErrorCode] : 500;
}
