import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { quoted } from './errors.ts';
import { refuseValue, setting } from './setting-kinds.ts';

/** RFC 7518, 3.2: as long as the hash of HS256. Anybody who has a token can try shorter secrets at leisure. */
const MIN_SECRET_BYTES = 32;

/** A secret that the gateway and the issuer of tokens share. The messages never contain it. */
export const jwtSecret = setting(undefined, (text, ctx) => {
  const bytes = Buffer.from(text);
  if (text.includes('-----BEGIN'))
    return refuseValue(ctx, 'expected random bytes, got a key in PEM form; AUTH_JWT_PUBLIC_KEY takes a public key');
  // Used as it is, it would be another secret than the issuer's.
  if (text !== text.trim())
    return refuseValue(ctx, 'expected no blanks around it, got some, such as the line break at the end of a file');
  if (bytes.length >= MIN_SECRET_BYTES) return bytes;
  return refuseValue(
    ctx,
    `expected at least ${MIN_SECRET_BYTES} random bytes, got ${bytes.length}; openssl rand -base64 48 makes enough`,
  );
});

/** A public key, and the only algorithms that a token may be signed with. */
export interface PublicKey {
  readonly key: KeyObject;
  readonly algorithms: readonly string[];
}

const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const CURVE_ALGORITHMS: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};
const EDWARDS_ALGORITHMS = ['EdDSA', 'Ed25519'];
const MIN_RSA_BITS = 2048;

/** The algorithms of a shared secret. */
export const SECRET_ALGORITHMS: readonly string[] = ['HS256', 'HS384', 'HS512'];

/** Every algorithm of public keys, for a key set, in which each key's own kind decides. */
export const PUBLIC_KEY_ALGORITHMS: readonly string[] = [
  ...RSA_ALGORITHMS,
  ...Object.values(CURVE_ALGORITHMS),
  ...EDWARDS_ALGORITHMS,
];

/** A public key or certificate: PEM, or the name of a file that holds it. The messages contain neither. */
export const jwtPublicKey = setting(undefined, (text, ctx): PublicKey => {
  let pem = text.trim();
  if (pem.includes('-----BEGIN')) {
    // In one line, as some files and stores of settings need it.
    pem = pem.replaceAll(String.raw`\n`, '\n');
  } else {
    try {
      pem = readFileSync(pem, 'utf8');
    } catch (error) {
      const { code = 'no such name' } = error as NodeJS.ErrnoException;
      return refuseValue(ctx, `${EXPECTED_KEY}, got the name of a file that cannot be read (${code})`);
    }
  }
  // Node.js would derive the public key from it, but whoever has it can sign tokens.
  if (/-----BEGIN [A-Z ]*PRIVATE KEY/.test(pem)) return refuseValue(ctx, `${EXPECTED_KEY}, got a private key`);
  try {
    const key = createPublicKey(pem);
    const algorithms = algorithmsOf(key);
    if (typeof algorithms !== 'string') return { key, algorithms };
    return refuseValue(ctx, `${EXPECTED_KEY}, got ${algorithms}`);
  } catch {
    return refuseValue(ctx, `${EXPECTED_KEY}, got something else`);
  }
});

const EXPECTED_KEY = 'expected a public key in PEM form, or the name of a file with one';

/** What a key can verify; a text says what it is instead, worded to follow "got". */
export function algorithmsOf({
  asymmetricKeyType,
  asymmetricKeyDetails: details,
}: KeyObject): readonly string[] | string {
  if (asymmetricKeyType === 'ed25519') return EDWARDS_ALGORITHMS;
  if (asymmetricKeyType === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    return bits >= MIN_RSA_BITS ? RSA_ALGORITHMS : `an RSA key of ${bits} bits, fewer than ${MIN_RSA_BITS}`;
  }
  const algorithm = asymmetricKeyType === 'ec' ? CURVE_ALGORITHMS[details?.namedCurve ?? ''] : undefined;
  return algorithm === undefined ? 'a key of another kind than RSA, P-256, P-384, P-521 and Ed25519' : [algorithm];
}

/** Where an issuer publishes its keys. Only a server on this machine may be asked without TLS: another could be replaced. */
export const jwksUrl = setting(undefined, (text, ctx): URL => {
  const url = URL.parse(text.trim());
  const problem = url === null ? 'something that is not a URL' : jwksProblem(url);
  if (url !== null && problem === undefined) return url;
  return refuseValue(ctx, `expected a URL such as https://issuer.example.com/.well-known/jwks.json, got ${problem}`);
});

function jwksProblem({ protocol, hostname, username, password, hash }: URL): string | undefined {
  if (protocol !== 'https:' && protocol !== 'http:') return `one that starts with ${quoted(protocol)}`;
  if (protocol === 'http:' && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname))
    return 'one without TLS that does not lead to this machine';
  if (username !== '' || password !== '') return 'one with a user name or password';
  return hash === '' ? undefined : 'one with a #';
}

/** A claim that tokens must have. */
export const claim = setting(undefined, (text, ctx) => {
  if (text === text.trim() && text.length <= 1_000) return text;
  return refuseValue(ctx, `expected at most 1000 characters, without blanks around them, got ${quoted(text)}`);
});

const CLAIMS = ['AUTH_JWT_ISSUER', 'AUTH_JWT_AUDIENCE'] as const;
const KEYS = ['AUTH_JWT_SECRET', 'AUTH_JWT_PUBLIC_KEY', 'AUTH_JWKS_URL'] as const;

/** What is wrong with the settings of access together: one line for each problem. */
export function authProblems(env: Readonly<Record<string, string | undefined>>, isProduction: boolean): string[] {
  const given = KEYS.filter((name) => env[name]);
  const [key] = given;
  const previous = previousProblems(env);
  if (given.length > 1) return [`${given.join(', ')}: expected only one of them`, ...previous];
  if (key === undefined) return [...keylessProblems(env, isProduction), ...previous];
  if (key === 'AUTH_JWT_SECRET') return previous;
  // An issuer signs tokens for other services with the same key.
  const missing = CLAIMS.filter((name) => !env[name]);
  return [
    ...missing.map((name) => `${name}: ${key} needs one; tokens for other services are signed with the same key`),
    ...previous,
  ];
}

/** What is wrong with the secret that was used before. */
function previousProblems({
  AUTH_JWT_SECRET: secret,
  AUTH_JWT_SECRET_PREVIOUS: previous,
}: Readonly<Record<string, string | undefined>>): string[] {
  if (!previous) return [];
  if (!secret) return ['AUTH_JWT_SECRET_PREVIOUS: expected AUTH_JWT_SECRET with it, got none'];
  return secret === previous
    ? ['AUTH_JWT_SECRET_PREVIOUS: expected another one than AUTH_JWT_SECRET, got the same']
    : [];
}

/** What is wrong without a key for tokens. */
function keylessProblems(env: Readonly<Record<string, string | undefined>>, isProduction: boolean): string[] {
  const hasApiKeys = env['AUTH_API_KEYS'] === 'true';
  const keys = `one of ${KEYS.join(', ')}`;
  // Such as from a variable or a file that is not there: whoever has given it does not want everybody to have every scope.
  const empty = Object.keys(env)
    .filter((name) => !hasApiKeys && name.startsWith('AUTH_') && env[name] === '')
    .map((name) => `${name}: expected a value, got an empty text; leave it out if nobody is to authenticate`);
  if (isProduction && !hasApiKeys)
    return [`NODE_ENV: production needs a way to authenticate: ${keys}, or AUTH_API_KEYS=true`, ...empty];
  const problems = [...CLAIMS, 'AUTH_JWT_CLOCK_SKEW_SECONDS']
    .filter((name) => env[name])
    .map((name) => `${name}: expected ${keys} with it, got none`);
  // API keys are not concerned.
  if (env['AUTH_REQUIRE_OWNER'] === 'true') problems.push(`AUTH_REQUIRE_OWNER: with true, expected ${keys}, got none`);
  if (!hasApiKeys && env['AUTH_EXPLORE'] === 'scope')
    problems.push(`AUTH_EXPLORE: with scope, expected ${keys}, or AUTH_API_KEYS=true, got none`);
  return [...problems, ...empty];
}
