/** Everything that a caller may be allowed to do. */
export const SCOPES = ['crm:explore', 'crm:pii', 'crm:read', 'crm:write'] as const;

export type Scope = (typeof SCOPES)[number];

/** Who asks, and what they may. */
export interface Caller {
  /** Null for one who is not signed in. */
  readonly subject: string | null;
  readonly scopes: readonly Scope[];
  /** Equal for callers to whom every answer is the same; part of the response cache's keys. */
  readonly accessKey: string;
}

/** The caller while no way to authenticate is set: nobody in particular, with every scope. Never in production. */
export const ANYBODY: Caller = Object.freeze({ subject: null, scopes: SCOPES, accessKey: SCOPES.join(' ') });
