import type { ExecutionResult } from 'graphql';
import { isGiven } from '../../given.ts';
import { statusOf } from './mask.ts';

/** A response that is ready to be sent. */
export interface GraphQLResponse {
  /** JSON in UTF-8. */
  readonly body: Buffer;
  /** For `application/graphql-response+json`. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it has errors, so that it must not be stored. */
  readonly hasErrors: boolean;
}

const NOT_STORED = { 'x-cache': 'BYPASS', 'cache-control': 'no-store' };

/** Encodes a masked result once: the client and Redis both get these bytes, and each would encode a string again. */
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
