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
}

/** The caller as long as there is no authentication: anonymous, with every scope. Production does not start without it. */
export const ANYBODY: Caller = Object.freeze({ subject: null, scopes: SCOPES, accessKey: 'anybody' });
