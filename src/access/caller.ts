/** Every permission that a caller can have. */
export const SCOPES = ['crm:explore', 'crm:pii', 'crm:read', 'crm:write'] as const;

export type Scope = (typeof SCOPES)[number];

/** Who sends a request, and with what permissions. */
export interface Caller {
  /** Null for a caller who is not signed in. */
  readonly subject: string | null;
  readonly scopes: readonly Scope[];
  /** Equal for callers who always get the same responses. Short, since it is part of the response cache's keys. */
  readonly accessKey: string;
  /** When the caller's permissions end, by `Date.now()`; undefined for never. */
  readonly expiresAtMs?: number;
}

/** The caller when no way to authenticate is configured: anonymous, with every scope. Production does not start without one. */
export const ANYBODY: Caller = Object.freeze({ subject: null, scopes: SCOPES, accessKey: 'anybody' });
