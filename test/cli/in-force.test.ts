import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { answersAt } from '../../src/cli/announce.ts';
import { inForceLines } from '../../src/cli/in-force.ts';
import { parseConfig } from '../../src/config.ts';
import { SHARED } from './known-auth-settings.ts';
import { MANIFEST } from './known-document-settings.ts';

const PRODUCTION = { NODE_ENV: 'production', DATABASE_URL: 'mysql://crm@db.example/crm' };
const CLAIMS = { AUTH_JWT_ISSUER: 'https://issuer.example', AUTH_JWT_AUDIENCE: 'crm' };
const PEM = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });

test('the start speaks of GraphiQL only where everybody is shown the page', () => {
  const page = (env: Readonly<Record<string, string>>) => / GraphQL.*$/m.exec(answersAt('', parseConfig(env)))?.[0];
  expect([{}, SHARED, { ...SHARED, AUTH_EXPLORE: 'scope' }].map(page)).toEqual([
    ' GraphQL; in a browser, GraphiQL',
    ' GraphQL; in a browser, GraphiQL',
    ' GraphQL',
  ]);
});

test.each<[Readonly<Record<string, string>>, string]>([
  [{}, 'callers    everybody, with every scope (AUTH_...)'],
  [{ ...PRODUCTION, AUTH_API_KEYS: 'true' }, 'callers    API keys (AUTH_API_KEYS)'],
  [
    { ...CLAIMS, AUTH_JWKS_URL: 'https://issuer.example/keys?id=1', AUTH_API_KEYS: 'true' },
    'callers    tokens (AUTH_JWKS_URL, https://issuer.example), and API keys (AUTH_API_KEYS)',
  ],
  [SHARED, 'callers    tokens (AUTH_JWT_SECRET)'],
  [
    { ...SHARED, AUTH_JWT_SECRET_PREVIOUS: 'y'.repeat(32) },
    'callers    tokens (AUTH_JWT_SECRET, or AUTH_JWT_SECRET_PREVIOUS)',
  ],
  [
    { ...SHARED, AUTH_REQUIRE_OWNER: 'true', AUTH_API_KEYS: 'true' },
    'callers    tokens (AUTH_JWT_SECRET) with the claim "owner" (AUTH_REQUIRE_OWNER), and API keys (AUTH_API_KEYS)',
  ],
  [{ ...CLAIMS, AUTH_JWT_PUBLIC_KEY: PEM }, 'callers    tokens (AUTH_JWT_PUBLIC_KEY)'],
  [{}, 'schema     for everybody (AUTH_EXPLORE)'],
  [SHARED, 'schema     for everybody (AUTH_EXPLORE)'],
  [{ ...PRODUCTION, ...SHARED }, 'schema     for callers with crm:explore (AUTH_EXPLORE)'],
  [{ ...PRODUCTION, ...SHARED, AUTH_EXPLORE: 'open' }, 'schema     for everybody (AUTH_EXPLORE)'],
  [{}, 'documents  any (TRUSTED_DOCUMENTS)'],
  [{ TRUSTED_DOCUMENTS: MANIFEST }, 'documents  1 of TRUSTED_DOCUMENTS alone (TRUSTED_DOCUMENTS_MODE=enforce)'],
  [
    { TRUSTED_DOCUMENTS: MANIFEST, TRUSTED_DOCUMENTS_MODE: 'log' },
    'documents  any, and 1 of TRUSTED_DOCUMENTS; others are logged (TRUSTED_DOCUMENTS_MODE=log)',
  ],
  [
    { TRUSTED_DOCUMENTS: MANIFEST, TRUSTED_DOCUMENTS_MODE: 'off' },
    'documents  any, and 1 of TRUSTED_DOCUMENTS (TRUSTED_DOCUMENTS_MODE=off)',
  ],
  [{}, 'web pages  of no other origin (CORS_ORIGINS)'],
  [
    { CORS_ORIGINS: 'https://a.example,https://b.example:8443' },
    'web pages  of https://a.example, https://b.example:8443 (CORS_ORIGINS)',
  ],
])('with %j, the start says: %s', (env, line) => {
  expect(inForceLines(parseConfig(env))).toContain(line);
});
