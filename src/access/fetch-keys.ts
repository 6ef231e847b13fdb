import { createPublicKey } from 'node:crypto';
import { createLocalJWKSet, type JWK } from 'jose';
import { algorithmsOf, PUBLIC_KEY_ALGORITHMS } from '../setting-auth.ts';

const FETCH_MS = 3_000;
const MAX_BYTES = 256 * 1024;

/** An issuer's keys did not come. The message says what was expected and what came, and has nothing of an answer's body. */
export class KeysNotFetched extends Error {
  override readonly name = 'KeysNotFetched';
}

/** The keys that an issuer publishes, and whether any of them can verify a token. */
export interface FetchedKeys {
  readonly find: ReturnType<typeof createLocalJWKSet>;
  readonly isUsable: boolean;
}

/** @throws KeysNotFetched when they cannot be fetched in time, or are too large or no key set */
export async function fetchKeys(url: URL): Promise<FetchedKeys> {
  const { type, bytes } = await fetchBytes(url).catch((cause: unknown) => {
    if (cause instanceof KeysNotFetched) throw cause;
    throw new KeysNotFetched(`expected a response, got ${failureOf(cause)}`, { cause });
  });
  const find = keySetOf(bytes, type);
  return { find, isUsable: find.jwks().keys.some(isUsable) };
}

async function fetchBytes(url: URL): Promise<{ readonly type: string; readonly bytes: Buffer }> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(FETCH_MS),
  });
  const type = typeOf(response);
  const { status } = response;
  if (status !== 200) {
    await response.body?.cancel();
    const isRedirect = status >= 300 && status < 400 && status !== 304;
    throw new KeysNotFetched(
      `expected status 200, got ${status}${isRedirect ? ', a redirect, which is not followed' : ` with ${type}`}`,
    );
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new KeysNotFetched(`expected at most ${MAX_BYTES} bytes, got more`);
    chunks.push(chunk);
  }
  return { type, bytes: Buffer.concat(chunks) };
}

function keySetOf(bytes: Buffer, type: string): FetchedKeys['find'] {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new KeysNotFetched(`expected JSON, got something else, with ${type}`, { cause });
  }
  try {
    return createLocalJWKSet(json as Parameters<typeof createLocalJWKSet>[0]);
  } catch (cause) {
    throw new KeysNotFetched('expected a key set, {"keys": [...]}, got other JSON', { cause });
  }
}

/** Without parameters, and cut. Anything else than what media types are made of could break the line, or be about somebody. */
function typeOf({ headers }: Response): string {
  const [, type] = /^\s*([\w.+-]{1,40}\/[\w.+-]{1,40})\s*(?:;|$)/.exec(headers.get('content-type') ?? '') ?? [];
  return type === undefined ? 'no content type' : `content type ${type}`;
}

/** Whether a token can be signed with it, as far as its key itself says. */
function isUsable(jwk: JWK): boolean {
  if (jwk.use !== undefined && jwk.use !== 'sig') return false;
  if (jwk.alg !== undefined && !PUBLIC_KEY_ALGORITHMS.includes(jwk.alg)) return false;
  try {
    return typeof algorithmsOf(createPublicKey({ key: { ...jwk }, format: 'jwk' })) !== 'string';
  } catch {
    return false;
  }
}

/** By their codes. Of TLS, any other is told by its code alone. */
const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'a refused connection',
  ECONNRESET: 'a connection that was cut off',
  UND_ERR_SOCKET: 'a connection that was cut off',
  ENOTFOUND: 'a host name that does not exist',
  EAI_AGAIN: 'a host name that cannot be looked up now',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  CERT_HAS_EXPIRED: 'a certificate that has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'a certificate that is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'a certificate of an authority that is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'a certificate of an authority that is not known',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'a certificate of an authority that is not known',
  ERR_TLS_CERT_ALTNAME_INVALID: 'a certificate for another host name',
};

/** What came instead of a response, worded to follow "got". */
function failureOf(error: unknown): string {
  // fetch wraps what went wrong.
  const { name, cause = error } = error as Error;
  if (name === 'TimeoutError') return `none within ${FETCH_MS} ms`;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (message === 'bad port') return 'a port that browsers do not use either (bad port)';
  if (typeof code !== 'string') return 'something that is not HTTP, or nothing';
  const words = FAILURES[code] ?? (/SSL|TLS|CERT/.test(code) ? 'an error of TLS' : 'an error of the connection');
  return `${words} (${code})`;
}
