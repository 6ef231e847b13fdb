/** Every `extensions.code` that an error can have, with the HTTP status of a response that has no data. */
export const ERROR_CODES = {
  GRAPHQL_PARSE_FAILED: 400,
  GRAPHQL_VALIDATION_FAILED: 400,
  BAD_USER_INPUT: 400,
  QUERY_TOO_COMPLEX: 400,
  PERSISTED_QUERY_NOT_FOUND: 404,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  RATE_LIMITED: 429,
  TIMEOUT: 504,
  SERVICE_UNAVAILABLE: 503,
  INTERNAL_SERVER_ERROR: 500,
} as const satisfies Readonly<Record<string, number>>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An error that the caller may see. `src/graphql` turns it into a GraphQL error. */
export class CodedError extends Error {
  override readonly name: string = 'CodedError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Creates an error that the caller may see.
 * @param code one of `ERROR_CODES`
 * @param message what was expected and what was given
 */
export const createError = (code: ErrorCode, message: string, options?: ErrorOptions): CodedError =>
  new CodedError(code, message, options);

/** Why the signal of a request aborts that nobody waits for any more. */
export const givenUp = (): CodedError => createError('TIMEOUT', 'The request was given up.');

/** The code of an error that may be shown to clients; undefined for one that must be masked. */
export const codeOf = (error: unknown): ErrorCode | undefined => (error instanceof CodedError ? error.code : undefined);

/**
 * Several statements have read rows that are inconsistent with each other, because of a write in between. Reading all of them
 * again helps: the error's code asks the caller to retry.
 */
export class ChangedMeanwhile extends CodedError {
  constructor() {
    super('SERVICE_UNAVAILABLE', 'Something was deleted while it was being read; send the request again.');
  }
}

/** Something around the gateway is not as it needs it. The message says to its operator what to do; clients never see it. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

/** The longest value that an error message shows whole. */
const MOST_SHOWN = 42;

/** Cut, since a client may send hundreds of kilobytes, but not so much that `shortened` would not see that it was. */
function toJson(value: unknown): string {
  const short = typeof value === 'string' ? value.slice(0, MOST_SHOWN) : value;
  return JSON.stringify(short) ?? String(short);
}

/** A value for an error message: quoted, on one line, and shortened. */
export const quoted = (value: unknown): string => shortened(toJson(value));

/**
 * Like `quoted`, for what should be ASCII: other characters are escaped, such as `\u200b`, since some are invisible and others
 * look like ASCII.
 */
export function quotedAscii(value: unknown): string {
  return shortened(
    toJson(value).replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

/** A text cut to 40 characters, so that an error message stays short. */
export const shortened = (text: string): string => (text.length <= MOST_SHOWN ? text : `${text.slice(0, 40)}…`);
