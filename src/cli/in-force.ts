import type { Config, TokenConfig } from '../config.ts';

/**
 * What the settings of access come to, for whoever starts a gateway: one line for each, with the setting that changes it. Has no key,
 * and no more of addresses than their origin.
 */
export function inForce({ auth, trust, corsOrigins }: Pick<Config, 'auth' | 'trust' | 'corsOrigins'>): string[] {
  const accepted = [
    ...(auth.tokens === undefined ? [] : [`tokens (${keyOf(auth.tokens)})`]),
    ...(auth.apiKeys ? ['API keys (AUTH_API_KEYS)'] : []),
  ];
  const isOpen = accepted.length === 0;
  return [
    `callers    ${isOpen ? 'everybody, with every scope (AUTH_...)' : accepted.join(', and ')}`,
    `schema     for ${isOpen || auth.isExploreOpen ? 'everybody' : 'callers with crm:explore'} (AUTH_EXPLORE)`,
    `documents  ${documentsIn(trust)}`,
    `web pages  ${corsOrigins.length === 0 ? 'of no other origin' : `of ${corsOrigins.join(', ')}`} (CORS_ORIGINS)`,
  ];
}

function keyOf({ secret, jwksUrl }: TokenConfig): string {
  if (jwksUrl !== undefined) return `AUTH_JWKS_URL, ${jwksUrl.origin}`;
  return secret === undefined ? 'AUTH_JWT_PUBLIC_KEY' : 'AUTH_JWT_SECRET';
}

function documentsIn({ documents, mode }: Config['trust']): string {
  const { size } = documents;
  if (size === 0) return 'any (TRUSTED_DOCUMENTS)';
  const known = `${size} of TRUSTED_DOCUMENTS`;
  if (mode === 'enforce') return `${known} alone (TRUSTED_DOCUMENTS_MODE=enforce)`;
  return `any, and ${known}${mode === 'log' ? '; others are logged' : ''} (TRUSTED_DOCUMENTS_MODE=${mode})`;
}
