import { accessKeyOf, API_KEY_SUBJECT, scopesOf, type Caller } from './caller.ts';
import { TokenRefused } from './token-refused.ts';

/** As many characters as the history of changes keeps of who made them. */
const MAX_SUBJECT = 200;

/**
 * The caller whom a token's claims describe. Scopes that this gateway does not know are ignored, since tokens can be meant for
 * several services.
 * @param claims of a verified token
 * @param clockSkewSeconds for how long it is accepted after `exp`
 * @throws TokenRefused for claims of the wrong form, and for `owner`
 */
export function callerOf(claims: Readonly<Record<string, unknown>>, clockSkewSeconds: number): Caller {
  const { sub: subject = null, scope = '', exp } = claims;
  if (typeof exp !== 'number' || typeof scope !== 'string' || !isSubject(subject)) throw new TokenRefused('claims');
  // It restricts the token to an agent's customers. Whoever ignored it would show all of them.
  if ('owner' in claims) throw new TokenRefused('owner');
  const scopes = scopesOf(scope);
  return Object.freeze({
    subject,
    scopes,
    accessKey: accessKeyOf(scopes),
    expiresAtMs: (exp + clockSkewSeconds) * 1_000,
  });
}

/**
 * The database ignores spaces at the end, so two subjects that differ in them would share their idempotency keys, and case makes no
 * difference.
 */
const isSubject = (value: unknown): value is string | null =>
  value === null ||
  (typeof value === 'string' &&
    value !== '' &&
    value.length <= MAX_SUBJECT &&
    value.trim() === value &&
    !value.toLowerCase().startsWith(API_KEY_SUBJECT));
