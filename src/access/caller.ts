/** Every permission that a caller can have. */
export const SCOPES = ['crm:explore', 'crm:pii', 'crm:read', 'crm:write'] as const;

export type Scope = (typeof SCOPES)[number];

/** Who sends a request, and with what permissions. */
export interface Caller {
  /** Null for a caller who is not signed in. */
  readonly subject: string | null;
  readonly scopes: readonly Scope[];
  /** The row id of the agent whose customers are the only ones that the caller may see, with what belongs to them. */
  readonly owner?: string;
  /** Equal for callers who always get the same responses. Short, since it is part of the response cache's keys. */
  readonly accessKey: string;
  /** When the caller's permissions end, by `Date.now()`; undefined for never. */
  readonly expiresAtMs?: number;
  /**
   * Until when, by `performance.now()`, whoever shows the same credentials is this caller without their being looked at again;
   * undefined for always.
   */
  readonly knownUntilMs?: number;
  /**
   * Checks again whether the caller's permissions have been withdrawn, for what goes on for long; undefined where they cannot be.
   * Rejects with UNAUTHENTICATED, or with SERVICE_UNAVAILABLE or TIMEOUT when that cannot be found out.
   */
  readonly recheck?: () => Promise<void>;
}

/** How the subjects of API keys begin; those of tokens must not. */
export const API_KEY_SUBJECT = 'api-key:';

/** The scopes in a text, separated by spaces, in alphabetical order. Unknown ones are ignored. */
export function scopesOf(text: string): readonly Scope[] {
  const given = new Set(text.split(' '));
  return Object.freeze(SCOPES.filter((known) => given.has(known)));
}

/** The `accessKey` of callers of whom nothing but the scopes matters, and whose customers they may see. */
export const accessKeyOf = (scopes: readonly Scope[], owner?: string): string =>
  `${scopes.map((known) => known.replace('crm:', '')).join('+')}${owner === undefined ? '' : `@${owner}`}`;

/** Whether whoever shows the same credentials as this caller did is accepted without their being looked at again. */
export const isKnownNow = (
  { expiresAtMs = Infinity, knownUntilMs = Infinity }: Caller,
  nowMs = performance.now(),
): boolean => nowMs < knownUntilMs && Date.now() < expiresAtMs;

/** The caller when no way to authenticate is configured: anonymous, with every scope. Production does not start without one. */
export const ANYBODY: Caller = Object.freeze({ subject: null, scopes: SCOPES, accessKey: 'anybody' });
