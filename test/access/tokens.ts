import { createSecretKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';

/** What the test gateways verify tokens by. */
export const SECRET = 'a secret of a test, long enough for HS512: 0123456789 0123456789';
export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'crm';
export const BY_SECRET = { AUTH_JWT_SECRET: SECRET, AUTH_JWT_ISSUER: ISSUER, AUTH_JWT_AUDIENCE: AUDIENCE } as const;

/** Seconds since 1970, so many from now. */
export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

export interface Signing {
  readonly key?: KeyObject;
  readonly alg?: string;
  readonly kid?: string;
}

/** A token with these claims, besides those of a valid one; undefined leaves one out. */
export function tokenOf(
  claims: Readonly<Record<string, unknown>>,
  { key = createSecretKey(Buffer.from(SECRET)), alg = 'HS256', kid }: Signing = {},
) {
  const all = { iss: ISSUER, aud: AUDIENCE, exp: inSeconds(3_600), sub: 'ada', ...claims };
  return new SignJWT(all).setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) }).sign(key);
}

/** The header of a request with a token. */
export const bearing = (token: string) => ({ authorization: `Bearer ${token}` });
