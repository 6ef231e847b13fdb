import { generateKeyPairSync } from 'node:crypto';
import type { Config } from '../../src/config.ts';
import type { Setting } from './known-settings.ts';
import { CA } from './wrong-urls.ts';

const pemOf = (kind: 'public' | 'private', bits = 2048): string => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  return kind === 'public'
    ? publicKey.export({ type: 'spki', format: 'pem' })
    : privateKey.export({ type: 'pkcs8', format: 'pem' });
};
const PUBLIC_PEM = pemOf('public');
const CLAIMS = { AUTH_JWT_ISSUER: 'https://issuer.example', AUTH_JWT_AUDIENCE: 'crm' };
/** A valid way to authenticate. */
export const SHARED = { AUTH_JWT_SECRET: 'x'.repeat(32) };
const PUBLIC_KEY = 'expected a public key in PEM form, or the name of a file with one, got';
const JWKS_URL = 'expected a URL such as https://issuer.example.com/.well-known/jwks.json, got';
const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];

/** The claim that tokens must have. */
const claimOf = (name: string, read: (tokens: NonNullable<Config['auth']['tokens']>) => unknown): Setting => ({
  name,
  read: ({ auth: { tokens } }) => tokens && read(tokens),
  fallback: undefined,
  also: SHARED,
  right: [
    ['https://issuer.example/', 'https://issuer.example/'],
    ['', undefined],
  ],
  wrong: [' crm', 'x'.repeat(1_001)].map((text) => [
    text,
    `expected at most 1000 characters, without blanks around them, got ${text.length > 40 ? `"${'x'.repeat(39)}…` : `"${text}"`}`,
  ]),
});

const SECRETS: Pick<Setting, 'right' | 'wrong'> = {
  right: [
    ['x'.repeat(32), 32],
    ['ü'.repeat(16), 32],
  ],
  wrong: [
    ['secret', 'expected at least 32 random bytes, got 6; openssl rand -base64 48 makes enough'],
    ...[`${'x'.repeat(32)}\n`, ` ${'x'.repeat(32)}`].map((text): [string, string] => [
      text,
      'expected no blanks around it, got some, such as the line break at the end of a file',
    ]),
    [PUBLIC_PEM, 'expected random bytes, got a key in PEM form; AUTH_JWT_PUBLIC_KEY takes a public key'],
  ],
};

/** The settings of access that are no numbers. */
export const AUTH_SETTINGS: readonly Setting[] = [
  {
    name: 'AUTH_JWT_SECRET',
    read: ({ auth }) => auth.tokens?.secret?.length,
    fallback: undefined,
    ...SECRETS,
  },
  {
    name: 'AUTH_JWT_SECRET_PREVIOUS',
    read: ({ auth }) => auth.tokens?.previousSecret?.length,
    fallback: undefined,
    also: { AUTH_JWT_SECRET: 'y'.repeat(32) },
    ...SECRETS,
  },
  {
    name: 'AUTH_JWT_PUBLIC_KEY',
    read: ({ auth }) => auth.tokens?.publicKey?.algorithms,
    fallback: undefined,
    also: CLAIMS,
    right: [
      [PUBLIC_PEM, RSA_ALGORITHMS],
      [PUBLIC_PEM.trim().replaceAll('\n', String.raw`\n`), RSA_ALGORITHMS],
      // Certificates are of their subject's key.
      [CA, ['ES256']],
    ],
    wrong: [
      [pemOf('private'), `${PUBLIC_KEY} a private key`],
      [pemOf('public', 1024), `${PUBLIC_KEY} an RSA key of 1024 bits, fewer than 2048`],
      [
        generateKeyPairSync('ed448').publicKey.export({ type: 'spki', format: 'pem' }),
        `${PUBLIC_KEY} a key of another kind than RSA, P-256, P-384, P-521 and Ed25519`,
      ],
      ['-----BEGIN PUBLIC KEY-----\nsecret\n-----END PUBLIC KEY-----', `${PUBLIC_KEY} something else`],
      ['/secret/key.pem', `${PUBLIC_KEY} the name of a file that cannot be read (ENOENT)`],
      ['/', `${PUBLIC_KEY} the name of a file that cannot be read (EISDIR)`],
    ],
  },
  {
    name: 'AUTH_JWKS_URL',
    read: ({ auth }) => auth.tokens?.jwksUrl?.href,
    fallback: undefined,
    also: CLAIMS,
    right: [
      'https://issuer.example/keys?x=1',
      'http://localhost:8080/jwks',
      'http://127.0.0.1/',
      'http://[::1]:1/',
    ].map((text) => [text, text]),
    wrong: [
      ['secret', `${JWKS_URL} something that is not a URL`],
      ['file:///etc/secret', `${JWKS_URL} one that starts with "file:"`],
      ['http://issuer.example/secret', `${JWKS_URL} one without TLS that does not lead to this machine`],
      ['http://127.0.0.1.example/', `${JWKS_URL} one without TLS that does not lead to this machine`],
      ['https://u:secret@issuer.example/', `${JWKS_URL} one with a user name or password`],
      ['https://issuer.example/#secret', `${JWKS_URL} one with a #`],
    ],
  },
  claimOf('AUTH_JWT_ISSUER', ({ issuer }) => issuer),
  claimOf('AUTH_JWT_AUDIENCE', ({ audience }) => audience),
  {
    name: 'AUTH_REQUIRE_OWNER',
    read: ({ auth }) => auth.tokens?.requiresOwner ?? false,
    fallback: false,
    also: SHARED,
    right: [
      ['true', true],
      ['false', false],
      ['', false],
    ],
    wrong: [['on', 'expected one of true, false, got "on"']],
  },
  {
    name: 'AUTH_API_KEYS',
    read: ({ auth }) => auth.apiKeys,
    fallback: false,
    right: [
      ['true', true],
      ['false', false],
    ],
    wrong: [['on', 'expected one of true, false, got "on"']],
  },
  {
    name: 'AUTH_EXPLORE',
    read: ({ auth }) => (auth.isExploreOpen ? 'open' : 'scope'),
    fallback: 'open',
    also: SHARED,
    right: [
      ['scope', 'scope'],
      ['open', 'open'],
      ['', 'open'],
    ],
    wrong: [['true', 'expected one of open, scope, got "true"']],
  },
];
