import { SqlError } from 'mariadb';
import { CodedError, codeOf, createError } from '../errors.ts';
import { SERVER_ERRORS } from './server-errors.ts';

// MySQL's ER_QUERY_TIMEOUT, MariaDB's ER_STATEMENT_TIMEOUT.
const STOPPED_NUMBERS: ReadonlySet<unknown> = new Set([3024, 1969]);
const TIMEOUT_NUMBERS: ReadonlySet<unknown> = new Set([...STOPPED_NUMBERS, SERVER_ERRORS.LOCK_WAIT_TIMEOUT]);
// Server gone, shutting down, too many connections, malformed packet; the driver's own: none from the pool, closed, timed out.
const UNAVAILABLE_NUMBERS = new Set([
  1040, 1053, 1152, 1153, 1158, 1159, 1160, 1161, 1203, 2002, 2003, 2006, 2013, 2027, 45_001, 45_004, 45_009, 45_012,
  45_013, 45_019, 45_023, 45_026, 45_027, 45_028, 45_029, 45_030, 45_037, 45_039, 45_042, 45_060, 45_061,
]);
const UNAVAILABLE_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);
// The driver's own: TLS is required, but the server does not support it.
const NO_TLS_NUMBER = 45_023;
// From Node.js and OpenSSL: ERR_TLS_CERT_ALTNAME_INVALID, SELF_SIGNED_CERT_IN_CHAIN, UNABLE_TO_VERIFY_LEAF_SIGNATURE, ...
const CERTIFICATE_CODE =
  /^(?:(?:ERR_TLS_CERT|CERT|CRL|UNABLE_TO|ERROR_IN_C|DEPTH_ZERO|SELF_SIGNED)_\w+|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|UNSPECIFIED)$/;
const TLS_CODE = /^(?:ERR_TLS_|ERR_SSL_|EPROTO$)/;
const isCertificateCode = (code: unknown): boolean => typeof code === 'string' && CERTIFICATE_CODE.test(code);
/** Stands for any failed system call, all of which are about sockets: EHOSTUNREACH, EMFILE and many more. */
const SYSTEM_CALL = 'system call';
const UNAVAILABLE_KINDS = new Set(['TooManyConnections', 'ConnectionClosed', 'DatabaseNotReachable', 'SocketTimeout']);

const UNREACHABLE = 'The database cannot be reached now; try again.';
const POOL_FULL = 'All connections to the database are in use; try again.';

/** Whether a code of an error says that the server stopped a statement at its time limit. */
export const isStatementStopped = (code: unknown): boolean => STOPPED_NUMBERS.has(code);

/**
 * Whether an error, or one that it wraps, means that the pool is exhausted rather than that the server is unreachable. The
 * driver gives both the same number, but puts the pool's state into the message.
 */
export function isPoolFull(error: unknown, depth = 0): boolean {
  if (!isObject(error) || depth > 4) return false;
  const texts = ['message', 'originalMessage'].map((name) => (error as Record<string, unknown>)[name]);
  if (texts.some((text) => typeof text === 'string' && /active=([1-9]\d*) idle=0 limit=\1\b/.test(text))) return true;
  return wrapped(error).some((inner) => isPoolFull(inner, depth + 1));
}

function wrapped(error: object): object[] {
  const meta = 'meta' in error && isObject(error.meta) ? error.meta : {};
  const inner = [
    'cause' in error ? error.cause : undefined,
    'driverAdapterError' in meta ? meta.driverAdapterError : undefined,
  ];
  return inner.filter(isObject);
}

/**
 * TIMEOUT for a statement that the server stopped or a transaction that took too long, SERVICE_UNAVAILABLE for an unreachable
 * server, otherwise the error unchanged.
 */
export function toGatewayError(error: unknown): unknown {
  if (!Error.isError(error) || codeOf(error) !== undefined) return error;
  for (const code of errorCodes(error)) {
    if (code === 'EXPIRED' || TIMEOUT_NUMBERS.has(code))
      return createError('TIMEOUT', 'A statement took longer than allowed; request less at once.', { cause: error });
    if (isUnavailable(code))
      return createError('SERVICE_UNAVAILABLE', isPoolFull(error) ? POOL_FULL : UNREACHABLE, { cause: error });
  }
  return error;
}

const isUnavailable = (code: unknown): boolean =>
  typeof code === 'number'
    ? UNAVAILABLE_NUMBERS.has(code)
    : typeof code === 'string' &&
      (code === SYSTEM_CALL ||
        UNAVAILABLE_CODES.has(code) ||
        UNAVAILABLE_KINDS.has(code) ||
        CERTIFICATE_CODE.test(code) ||
        TLS_CODE.test(code));

// The account lacks a privilege: for a database, table, column, anything else, or a routine; or the server is read-only.
const DENIED_NUMBERS: ReadonlySet<unknown> = new Set([1044, 1142, 1143, 1227, 1370, 1290, 1836]);

/** Whether the server does not let the account do something, as an error of the driver or Prisma says. */
export const isDenied = (error: unknown): boolean =>
  Error.isError(error) && errorCodes(error).some((code) => DENIED_NUMBERS.has(code));

/**
 * What the log says of a statement that the server does not let the account run; undefined for any other error. The server's words for
 * this name the privilege, the account and the table, and no values.
 */
export function denialOf(error: unknown): string | undefined {
  if (!isDenied(error)) return undefined;
  const words = error instanceof SqlError ? error.sqlMessage : originalMessage(error as Error);
  return `the database's account may not do this${words ? `: ${words}` : ''}`;
}

/** Describes an error of the driver, or what `toGatewayError` made of one, for the gateway's operator. */
export function serverWords(error: unknown): string {
  if (!Error.isError(error)) return String(error);
  if (error instanceof CodedError && error.cause !== undefined) return serverWords(error.cause);
  const code = 'code' in error ? error.code : undefined;
  if (isCertificateCode(code)) return `its certificate was refused: ${error.message}`;
  // Otherwise Prisma's own words would be shown, in several lines, or those about the network, such as ECONNREFUSED.
  if (!(error instanceof SqlError)) return originalMessage(error) ?? error.message;
  if (error.errno === NO_TLS_NUMBER) return 'it does not support TLS, which the ssl-mode in DATABASE_URL requires';
  const words = error.sqlMessage ?? error.message;
  return error.errno > 0 ? `${words} (${error.errno})` : words;
}

/** What the server said, from an error of Prisma's or of its adapter. */
function originalMessage(error: object, depth = 0): string | undefined {
  if ('originalMessage' in error && typeof error.originalMessage === 'string') return error.originalMessage;
  if (depth > 4) return undefined;
  for (const inner of wrapped(error)) {
    const found = originalMessage(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Error numbers, codes and SQLSTATEs of an error of the driver or Prisma, and of the errors it wraps. */
export function* errorCodes(error: object, depth = 0): Generator<unknown> {
  const fields: Record<string, unknown> = { ...error, cause: 'cause' in error ? error.cause : undefined };
  const meta = isObject(fields['meta']) ? fields['meta'] : {};
  // Prisma uses one code for a transaction that got no connection in time and for one that ran for too long.
  if (fields['code'] === 'P2028') yield 'timeTaken' in meta ? 'EXPIRED' : 'ETIMEDOUT';
  if (typeof fields['syscall'] === 'string') yield SYSTEM_CALL;
  yield fields['errno'];
  yield fields['code'];
  yield fields['kind'];
  // The driver's and the adapter's names for the SQLSTATE.
  yield fields['sqlState'];
  yield fields['state'];
  if (typeof fields['originalCode'] === 'string') yield Number(fields['originalCode']);
  if (depth >= 4) return;
  for (const inner of wrapped(error)) yield* errorCodes(inner, depth + 1);
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
