import type { Config, TokenConfig } from '../config.ts';

/** Whether callers have to say who they are. */
export const hasAuthentication = ({ tokens, apiKeys }: Config['auth']): boolean => tokens !== undefined || apiKeys;

type Given = Pick<Config, 'auth' | 'trust' | 'corsOrigins'>;

/**
 * What the settings of access come to, for whoever starts a gateway: a text for each, with the setting that changes it. Has no key,
 * and no more of addresses than their origin.
 */
export function inForce({ auth, trust, corsOrigins }: Given) {
  const accepted = [
    ...(auth.tokens === undefined ? [] : [tokensOf(auth.tokens)]),
    ...(auth.apiKeys ? ['API keys (AUTH_API_KEYS)'] : []),
  ];
  const isOpen = !hasAuthentication(auth);
  return {
    callers: isOpen ? 'everybody, with every scope (AUTH_...)' : accepted.join(', and '),
    schema: `for ${isOpen || auth.isExploreOpen ? 'everybody' : 'callers with crm:explore'} (AUTH_EXPLORE)`,
    documents: documentsIn(trust),
    webPages: `${corsOrigins.length === 0 ? 'of no other origin' : `of ${corsOrigins.join(', ')}`} (CORS_ORIGINS)`,
  };
}

/** The same, in a line for each. */
export function inForceLines(given: Given): string[] {
  const { callers, schema, documents, webPages } = inForce(given);
  return [`callers    ${callers}`, `schema     ${schema}`, `documents  ${documents}`, `web pages  ${webPages}`];
}

const tokensOf = (tokens: TokenConfig): string =>
  `tokens (${keyOf(tokens)})${tokens.requiresOwner ? ' with the claim "owner" (AUTH_REQUIRE_OWNER)' : ''}`;

function keyOf({ secret, previousSecret, jwksUrl }: TokenConfig): string {
  if (jwksUrl !== undefined) return `AUTH_JWKS_URL, ${jwksUrl.origin}`;
  if (secret === undefined) return 'AUTH_JWT_PUBLIC_KEY';
  return `AUTH_JWT_SECRET${previousSecret === undefined ? '' : ', or AUTH_JWT_SECRET_PREVIOUS'}`;
}

function documentsIn({ documents, mode }: Config['trust']): string {
  const { size } = documents;
  if (size === 0) return 'any (TRUSTED_DOCUMENTS)';
  const known = `${size} of TRUSTED_DOCUMENTS`;
  if (mode === 'enforce') return `${known} alone (TRUSTED_DOCUMENTS_MODE=enforce)`;
  return `any, and ${known}${mode === 'log' ? '; others are logged' : ''} (TRUSTED_DOCUMENTS_MODE=${mode})`;
}
