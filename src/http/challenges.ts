import type { Scope } from '../access/caller.ts';

const REALM = 'Bearer realm="concierge"';

/**
 * The header that says what is wrong with a request's credentials (RFC 6750, 3).
 * @param params of its parameters besides the realm, without quotes in their values; none for a request that does not try to authenticate
 */
export const challenge = (params: Readonly<Record<string, string>> = {}) => ({
  'www-authenticate': [REALM, ...Object.entries(params).map(([name, value]) => `${name}="${value}"`)].join(', '),
});

/** The same for a caller who lacks a scope: all that the request needs, so that a token with just these will do. */
export const insufficientScope = (needed: readonly Scope[]) =>
  challenge({ error: 'insufficient_scope', scope: needed.join(' ') });
