import type { Config } from '../../src/config.ts';
import { AUTH_SETTINGS, SHARED } from './known-auth-settings.ts';
import { DOCUMENT_SETTINGS } from './known-document-settings.ts';
import { CA, WRONG_TLS, wrongParts } from './wrong-urls.ts';

/** The start of messages about an invalid DATABASE_URL. */
export const MYSQL_URL = 'expected a URL such as mysql://user:password@host:3306/database, got';
const REDIS_URL = 'expected a URL such as redis://host:6379 (several, comma-separated: Redis Cluster), got';
const NO_TAG = 'expected no braces, or a hash tag such as {shop}, got ';

const HOSTS = 'expected host names such as crm.example.com, comma-separated, got';

const ORIGINS = 'expected origins such as https://app.example.com, comma-separated, got';

const unknownParameter = (name: string): string => `one with the parameter "${name}", which this version does not know`;

const SLASH_IN_DATABASE = 'one with a / in the name of the database, which should be %2F';
const PERHAPS_A_PASSWORD = 'one with a ? that should be %3F, or with a parameter that this version does not know';

/** A setting as users know it. */
export interface Setting {
  readonly name: string;
  readonly read: (config: Config) => unknown;
  readonly fallback: string | number | boolean | undefined;
  /** Valid texts with their values. */
  readonly right: readonly (readonly [string, unknown])[];
  /** Invalid texts with their messages. */
  readonly wrong: readonly (readonly [string, string])[];
  /** Other settings that it needs. */
  readonly also?: Readonly<Record<string, string>>;
}

const number = (
  name: string,
  read: Setting['read'],
  { fallback, least, most }: { fallback: number; least: number; most: number },
): Setting => {
  const said = `expected a whole number from ${least} to ${most}, got`;
  const texts = [String(least - 1), String(most + 1), '1.5', '1e3', ' 20', '20 ', '0x20', '٢٠', 'many', '+20', '-0'];
  return {
    name,
    read,
    fallback,
    right: [...[least, most].map((value) => [String(value), value] as const), ['', fallback], [`0${least}`, least]],
    wrong: [
      ...texts.map((text) => [text, `${said} "${text}"`] as const),
      // Always one line, and only enough of the text to recognise it.
      ['4\n5', `${said} "4\\n5"`],
      ['9'.repeat(99), `${said} "${'9'.repeat(39)}…`],
    ],
  };
};

/** Every setting. */
export const SETTINGS: readonly Setting[] = [
  {
    name: 'NODE_ENV',
    read: (config) => config.environment,
    fallback: 'development',
    right: [
      ['test', 'test'],
      ['', 'development'],
    ],
    wrong: [['Production', 'expected one of development, production, test, got "Production"']],
  },
  {
    name: 'HOST',
    read: (config) => config.host,
    fallback: '127.0.0.1',
    right: [
      ['0.0.0.0', '0.0.0.0'],
      ['::', '::'],
      ['my-host.local', 'my-host.local'],
      ['', '127.0.0.1'],
    ],
    wrong: ['http://x', '0.0.0.0/0', ' ::1', '[::1]', 'a b'].map((text) => [
      text,
      `expected a host name or an address such as 0.0.0.0, got "${text}"`,
    ]),
  },
  number('PORT', (config) => config.port, { fallback: 4000, least: 0, most: 65_535 }),
  {
    name: 'DATABASE_URL',
    read: (config) => config.databaseUrl,
    fallback: undefined,
    right: [
      ['mysql://u:p%40ss@host:3307/crm', 'mysql://u:p%40ss@host:3307/crm'],
      ['mariadb://[::1]/crm', 'mariadb://[::1]/crm'],
      ['mysql://u:%3F@host/crm?', 'mysql://u:%3F@host/crm?'],
      [' mysql://u@my_host.local/crm%2Fold\n', 'mysql://u@my_host.local/crm%2Fold'],
      ['mysql://ü:p@ss;w|rd€@host/crm', 'mysql://%C3%BC:p%40ss%3Bw%7Crd%E2%82%AC@host/crm'],
      ...[
        'ssl-mode=REQUIRED',
        'ssl-mode=verify_identity',
        `ssl-mode=REQUIRED&ssl-ca=${CA}`,
        `ssl-ca=${CA}&ssl-mode=VERIFY_CA`,
        `ssl-mode=VERIFY_IDENTITY&ssl-ca=${CA.replaceAll('/', '%2F')}`,
      ].map((parameters) => [`mysql://u@host/crm?${parameters}`, `mysql://u@host/crm?${parameters}`] as const),
      ['', undefined],
    ],
    wrong: [
      ['host:3306/crm', `${MYSQL_URL} one that starts with "host:"`],
      ['secret', `${MYSQL_URL} something that is not a URL`],
      ['postgres://u:secret@host/crm', `${MYSQL_URL} one that starts with "postgres:"`],
      ['mysql://u:secret@host', `${MYSQL_URL} one without a database name`],
      ['mysql://u:secret@host/', `${MYSQL_URL} one without a database name`],
      ['mysql://u:secret@host/crm/', `${MYSQL_URL} ${SLASH_IN_DATABASE}`],
      ['mysql://u:secret@host//crm', `${MYSQL_URL} ${SLASH_IN_DATABASE}`],
      ...wrongParts('mysql:', '/crm').map(([text, said]) => [text, `${MYSQL_URL} ${said}`] as const),
      ['mysql://u:100%secret@host/crm', `${MYSQL_URL} one with a % that should be %25`],
      ['mysql://u:#secret@host/crm', `${MYSQL_URL} one with a # that should be %23`],
      ['mysql://u:1#secret@host/crm', `${MYSQL_URL} one with a # that should be %23`],
      ['mysql://u:x/secret@host/crm', `${MYSQL_URL} one with a / that should be %2F`],
      ['mysql://u:1/secret@host/crm', `${MYSQL_URL} one with a / that should be %2F`],
      ['mysql://u:x?secret@host/crm', `${MYSQL_URL} one with a ? that should be %3F`],
      ['mysql://u@host/crm?sslmode=secret', `${MYSQL_URL} ${unknownParameter('sslmode')}`],
      ['mysql://u@host/crm?connection_limit', `${MYSQL_URL} ${unknownParameter('connection_limit')}`],
      ['mysql://u@host/crm?__proto__=1', `${MYSQL_URL} ${unknownParameter('__proto__')}`],
      ...WRONG_TLS.map(([parameters, said]) => [`mysql://u@host/crm?${parameters}`, `${MYSQL_URL} ${said}`] as const),
      [`mysql://u@host/crm?ssl-ca=${CA}`, `${MYSQL_URL} one with "ssl-ca" and no "ssl-mode"`],
      ['mysql://u@host/crm?p?secret@host/crm', `${MYSQL_URL} ${PERHAPS_A_PASSWORD}`],
    ],
  },
  {
    name: 'REDIS_URL',
    read: ({ redisUrls }) => (redisUrls.length === 0 ? undefined : redisUrls),
    fallback: undefined,
    right: [
      ['redis://host:6379', ['redis://host:6379']],
      ['redis://[::1]:6379/3', ['redis://[::1]:6379/3']],
      ['rediss://:secret@a:1, rediss://:secret@b:2,', ['rediss://:secret@a:1', 'rediss://:secret@b:2']],
      ...['ssl-mode=REQUIRED', `ssl-ca=${CA}`, `ssl-mode=VERIFY_CA&ssl-ca=${CA}`].map(
        (parameters) => [`rediss://a/3?${parameters}`, [`rediss://a/3?${parameters}`]] as const,
      ),
      ['', undefined],
    ],
    wrong: [
      ['secret', `${REDIS_URL} something that is not a URL`],
      ['redis://a:1,http://u:secret@b', `${REDIS_URL} one that starts with "http:"`],
      ['redis://:a,secret@b', `${REDIS_URL} a part that is not a URL; a , within a URL should be %2C`],
      ['redis://host:6379/abc', `${REDIS_URL} one whose path is not the number of a database, such as /3`],
      ['redis://host/99999999999999999999', `${REDIS_URL} one whose path is not the number of a database, such as /3`],
      ...[',', ' , ,'].map((text) => [text, `${REDIS_URL} nothing but commas`] as const),
      ['redis://host/3/4', `${REDIS_URL} one whose path is not the number of a database, such as /3`],
      ['redis://host?db=3', `${REDIS_URL} ${unknownParameter('db')}`],
      ['rediss://host?p?secret@host', `${REDIS_URL} ${PERHAPS_A_PASSWORD}`],
      ...WRONG_TLS.map(([parameters, said]) => [`rediss://host?${parameters}`, `${REDIS_URL} ${said}`] as const),
      ...['ssl-mode=REQUIRED', `ssl-ca=${CA}`].map(
        (parameters) =>
          [
            `redis://host?${parameters}`,
            `${REDIS_URL} one with parameters of TLS that does not start with "rediss:"`,
          ] as const,
      ),
      ...['redis://a', 'rediss://a?ssl-mode=REQUIRED'].map(
        (other) =>
          [`rediss://a,${other}`, `${REDIS_URL} a cluster whose URLs do not all ask for the same TLS`] as const,
      ),
      ['redis://host#secret', `${REDIS_URL} one with a # that should be %23`],
      ['redis://a/1,redis://b', `${REDIS_URL} a cluster with a database other than 0`],
      ...wrongParts('redis:', '').map(([text, said]) => [text, `${REDIS_URL} ${said}`] as const),
      ['redis://secret@a', `${REDIS_URL} one with a user name and no password`],
      ['redis://:100%secret@a', `${REDIS_URL} one with a % that should be %25`],
      ['redis://:#secret@a', `${REDIS_URL} one with a # that should be %23`],
    ],
  },
  {
    name: 'ALLOWED_HOSTS',
    read: ({ allowedHosts }) => (allowedHosts.length === 0 ? undefined : allowedHosts),
    fallback: undefined,
    right: [
      ['crm.example.com', ['crm.example.com']],
      ['.Example.com, crm_1.internal., [0:0::1],', ['.example.com', 'crm_1.internal', '[::1]']],
      ['bücher.example', ['xn--bcher-kva.example']],
      ['10.0.0.5', ['10.0.0.5']],
      ['', undefined],
    ],
    wrong: [
      ...[
        ',',
        '.',
        'a..example',
        '..example.com',
        'a b',
        'a%2Fb',
        '[a',
        '[1::2::3]',
        '::1',
        '256.0.0.1',
        'u@a.example',
      ].map((text) => [text, `${HOSTS} "${text}"`] as const),
      ...['*', '*.example.com'].map(
        (text) =>
          [
            text,
            `${HOSTS} "${text}", which would let any web page read customers; .example.com stands for all names below example.com`,
          ] as const,
      ),
      ...['crm.example.com:8443', 'https://crm.example.com', 'crm.example.com/'].map(
        (text) => [text, `${HOSTS} "${text}", which has more than a name`] as const,
      ),
    ],
  },
  {
    name: 'CORS_ORIGINS',
    read: ({ corsOrigins }) => (corsOrigins.length === 0 ? undefined : corsOrigins),
    fallback: undefined,
    right: [
      ['https://app.example.com', ['https://app.example.com']],
      ['http://localhost:3000, HTTPS://App.Example.com:443,', ['http://localhost:3000', 'https://app.example.com']],
      ['http://[::1]:8080', ['http://[::1]:8080']],
      ['', undefined],
    ],
    wrong: [
      ...['app.example.com', 'https://a.example?x', 'null', 'https://'].map(
        (text) => [text, `${ORIGINS} "${text}"`] as const,
      ),
      ...['https://a.example/', 'https://a.example/app'].map(
        (text) => [text, `${ORIGINS} "${text}", which has a path or a / at the end`] as const,
      ),
      [',', `${ORIGINS} ","`],
      ['https://a.example\\x', `${ORIGINS} "https://a.example\\\\x", which has a path or a / at the end`],
      ...['https://u@a.example', 'https://a.example:x', 'ftp://a.example', 'https://a.example https://b.example'].map(
        (text) => [text, `${ORIGINS} "${text}"`] as const,
      ),
      ...['*', 'https://*.example.com'].map(
        (text) => [text, `${ORIGINS} "${text}", which would let pages that are not listed read customers`] as const,
      ),
      ['https://a.example,*', `${ORIGINS} "*", which would let pages that are not listed read customers`],
    ],
  },
  ...AUTH_SETTINGS,
  ...DOCUMENT_SETTINGS,
  {
    ...number('AUTH_JWT_CLOCK_SKEW_SECONDS', ({ auth: { tokens } }) => tokens?.clockSkewSeconds ?? 10, {
      fallback: 10,
      least: 0,
      most: 300,
    }),
    also: SHARED,
  },
  {
    name: 'DATA_DIR',
    read: (config) => config.dataDir,
    fallback: undefined,
    right: [
      ['somewhere', 'somewhere'],
      ['', undefined],
    ],
    wrong: [],
  },
  {
    name: 'LOG_LEVEL',
    read: (config) => config.logLevel,
    fallback: 'info',
    right: [['silent', 'silent']],
    wrong: [['loud', 'expected one of fatal, error, warn, info, debug, trace, silent, got "loud"']],
  },
  {
    ...number('LIMIT_PAGE_SIZE_DEFAULT', ({ limits }) => limits.pageSizeDefault, {
      fallback: 20,
      least: 1,
      most: 10_000,
    }),
    // Above the maximum page size.
    right: [
      ['1', 1],
      ['100', 100],
    ],
  },
  {
    ...number('LIMIT_PAGE_SIZE_MAX', ({ limits }) => limits.pageSizeMax, { fallback: 100, least: 1, most: 10_000 }),
    right: [
      ['20', 20],
      ['10000', 10_000],
    ],
  },
  number('LIMIT_BODY_BYTES', ({ limits }) => limits.bodyBytes, { fallback: 262_144, least: 1_024, most: 67_108_864 }),
  number('LIMIT_TOKENS', ({ limits }) => limits.tokens, { fallback: 2_000, least: 10, most: 1_000_000 }),
  number('LIMIT_DEPTH', ({ limits }) => limits.depth, { fallback: 12, least: 1, most: 1_000 }),
  number('LIMIT_ALIASES', ({ limits }) => limits.aliases, { fallback: 50, least: 0, most: 1_000_000 }),
  number('LIMIT_ROOT_FIELDS', ({ limits }) => limits.rootFields, { fallback: 20, least: 1, most: 1_000_000 }),
  number('LIMIT_COST', ({ limits }) => limits.cost, { fallback: 10_000, least: 1, most: 1_000_000_000 }),
  number('LIMIT_COST_PER_MINUTE', ({ limits }) => limits.costPerMinute, {
    fallback: 200_000,
    least: 0,
    most: 1_000_000_000,
  }),
  number('LIMIT_CONCURRENT_COST', ({ limits }) => limits.concurrentCost, {
    fallback: 40_000,
    least: 1,
    most: 1_000_000_000,
  }),
  number('LIMIT_CONCURRENT_COST_PER_CLIENT', ({ limits }) => limits.concurrentCostPerClient, {
    fallback: 10_000,
    least: 1,
    most: 1_000_000_000,
  }),
  number('LIMIT_RESPONSE_OBJECTS', ({ limits }) => limits.responseObjects, {
    fallback: 100_000,
    least: 1,
    most: 1_000_000_000,
  }),
  number('LIMIT_RESPONSE_BYTES', ({ limits }) => limits.responseBytes, {
    fallback: 64 * 1024 * 1024,
    least: 1024,
    most: 1024 * 1024 * 1024,
  }),
  number('LIMIT_REQUEST_MS', ({ limits }) => limits.requestMs, { fallback: 10_000, least: 10, most: 600_000 }),
  number('LIMIT_STATEMENT_MS', ({ limits }) => limits.statementMs, { fallback: 5_000, least: 10, most: 600_000 }),
  number('LIMIT_DATABASE_WAIT_MS', ({ limits }) => limits.databaseWaitMs, {
    fallback: 2_000,
    least: 10,
    most: 600_000,
  }),
  number('LIMIT_DATABASE_CONNECTIONS', ({ limits }) => limits.databaseConnections, {
    fallback: 10,
    least: 1,
    most: 1_000,
  }),
  number('LIMIT_PREPARED_STATEMENTS', ({ limits }) => limits.preparedStatements, {
    fallback: 2_000,
    least: 0,
    most: 1_000_000,
  }),
  number('LIMIT_SUBSCRIPTIONS', ({ limits }) => limits.subscriptions, { fallback: 1_000, least: 0, most: 1_000_000 }),
  number('LIMIT_SUBSCRIPTIONS_PER_CLIENT', ({ limits }) => limits.subscriptionsPerClient, {
    fallback: 50,
    least: 0,
    most: 1_000_000,
  }),
  number('LIMIT_CONNECTIONS', ({ limits }) => limits.connections, { fallback: 10_000, least: 1, most: 1_000_000 }),
  number('LIMIT_REQUESTS', ({ limits }) => limits.requests, { fallback: 1_000, least: 1, most: 1_000_000 }),
  number('LIMIT_REQUESTS_PER_CLIENT', ({ limits }) => limits.requestsPerClient, {
    fallback: 200,
    least: 1,
    most: 1_000_000,
  }),
  number('LIMIT_REQUESTS_PER_CONNECTION', ({ limits }) => limits.requestsPerConnection, {
    fallback: 10,
    least: 1,
    most: 10_000,
  }),
  number('LIMIT_RECEIVE_MS', ({ limits }) => limits.receiveMs, { fallback: 30_000, least: 10, most: 600_000 }),
  number('LIMIT_STALL_MS', ({ limits }) => limits.stallMs, { fallback: 30_000, least: 10, most: 600_000 }),
  number('LIMIT_BUFFER_BYTES', ({ limits }) => limits.bufferBytes, {
    fallback: 64 * 1024 * 1024,
    least: 1024,
    most: 64 * 1024 * 1024 * 1024,
  }),
  number('SHUTDOWN_DRAIN_MS', ({ shutdownDrainMs }) => shutdownDrainMs, { fallback: 3_000, least: 0, most: 600_000 }),
  number('COMPRESSION_MIN_BYTES', ({ compressionMinBytes }) => compressionMinBytes, {
    fallback: 1_000,
    least: 0,
    most: 1024 * 1024 * 1024,
  }),
  {
    name: 'CACHE_ENABLED',
    read: ({ cache }) => cache.enabled,
    fallback: true,
    right: [
      ['true', true],
      ['false', false],
    ],
    wrong: [['no', 'expected one of true, false, got "no"']],
  },
  {
    name: 'CACHE_PREFIX',
    read: ({ cache }) => cache.prefix,
    fallback: 'concierge:',
    right: [
      ['shop:', 'shop:'],
      ['{shop}:', '{shop}:'],
      ['', 'concierge:'],
    ],
    wrong: [
      ...['a b', 'a\n', 'ü:', 'x'.repeat(101)].map((text): [string, string] => [
        text,
        `expected at most 100 characters of ASCII without blanks, got ${text.length > 100 ? `"${'x'.repeat(39)}…` : JSON.stringify(text)}`,
      ]),
      ...['a{', 'a}', '}a{', '{}:', '{}{shop}:'].map((text) => [text, `${NO_TAG}${JSON.stringify(text)}`] as const),
    ],
  },
  number('CACHE_TIMEOUT_MS', ({ cache }) => cache.timeoutMs, { fallback: 40, least: 1, most: 10_000 }),
  number('CACHE_NEAR_BYTES', ({ cache }) => cache.nearBytes, {
    fallback: 32 * 1024 * 1024,
    least: 0,
    most: 64 * 1024 * 1024 * 1024,
  }),
  number('CACHE_STALE_WHILE_REVALIDATE_SECONDS', ({ cache }) => cache.staleWhileRevalidateSeconds, {
    fallback: 30,
    least: 0,
    most: 86_400,
  }),
  number('CACHE_STALE_IF_ERROR_SECONDS', ({ cache }) => cache.staleIfErrorSeconds, {
    fallback: 600,
    least: 0,
    most: 86_400,
  }),
];
