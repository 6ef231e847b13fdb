import type { TokenConfig } from '../config.ts';
import { accessKeyOf, API_KEY_SUBJECT, scopesOf, type Caller } from './caller.ts';
import { TokenRefused } from './token-refused.ts';

/** As many characters as the history of changes keeps of who made them; `REFUSALS` names it. */
const MAX_SUBJECT = 200;

interface CallerRules extends Pick<TokenConfig, 'clockSkewSeconds' | 'requiresOwner'> {
  readonly agentIdOf: AgentIdOf;
}

/**
 * The caller whom a token's claims describe. Scopes that this gateway does not know are ignored, since tokens can be meant for
 * several services.
 * @param claims of a verified token
 * @param rules.clockSkewSeconds for how long it is accepted after `exp`
 * @param rules.requiresOwner whether the claim `owner` must be there
 * @throws TokenRefused for claims of the wrong form, or one that is missing
 */
export function callerOf(
  claims: Readonly<Record<string, unknown>>,
  { clockSkewSeconds, requiresOwner, agentIdOf }: CallerRules,
): Caller {
  const { sub: subject = null, scope = '', exp } = claims;
  // JSON has no infinity, but numbers that are too large for one.
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw new TokenRefused('exp');
  if (typeof scope !== 'string') throw new TokenRefused('scope');
  if (!isSubject(subject)) throw new TokenRefused('sub');
  const scopes = scopesOf(scope);
  if (requiresOwner && !('owner' in claims)) throw new TokenRefused('ownerMissing');
  const owner = 'owner' in claims ? agentIdOf(claims['owner']) : undefined;
  // Whoever ignored one that is not understood would show all customers.
  if ('owner' in claims && owner === undefined) throw new TokenRefused('owner');
  return Object.freeze({
    subject,
    scopes,
    ...(owner !== undefined && { owner }),
    accessKey: accessKeyOf(scopes, owner),
    expiresAtMs: (exp + clockSkewSeconds) * 1_000,
  });
}

/** The row id of the agent whose id this is; undefined for anything else. */
export type AgentIdOf = (id: unknown) => string | undefined;

/** Controls, what only affects how others look, and halves of characters: a history of changes could be made to look otherwise. */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Cs}]/u;

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
    !CONTROLS.test(value) &&
    !value.toLowerCase().startsWith(API_KEY_SUBJECT));
