import { z } from 'zod';
import { quoted } from './errors.ts';
import { authProblems, claim, jwksUrl, jwtPublicKey, jwtSecret, type PublicKey } from './setting-auth.ts';
import { documentsProblems, trustedDocuments, type TrustedDocuments } from './setting-documents.ts';
import { isOurs, suggestion } from './setting-names.ts';
import { databaseUrl, redisUrls } from './setting-urls.ts';
import { host, hostNames, oneOf, origins, refuseValue, setting, wholeNumber } from './setting-kinds.ts';

/** An environment setting is wrong or missing. `problems` has one line for each; exit code 78 (EX_CONFIG). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Every setting, by the name of its environment variable. Unknown names that look like ours are refused, to catch typos. */
const settings = z.object({
  NODE_ENV: oneOf('development', ['development', 'production', 'test']),
  HOST: host,
  PORT: wholeNumber(4000, 0, 65_535),
  DATABASE_URL: databaseUrl,
  REDIS_URL: redisUrls,
  ALLOWED_HOSTS: hostNames,
  CORS_ORIGINS: origins,
  AUTH_JWT_SECRET: jwtSecret,
  AUTH_JWT_SECRET_PREVIOUS: jwtSecret,
  AUTH_JWT_PUBLIC_KEY: jwtPublicKey,
  AUTH_JWKS_URL: jwksUrl,
  AUTH_JWT_ISSUER: claim,
  AUTH_JWT_AUDIENCE: claim,
  AUTH_JWT_CLOCK_SKEW_SECONDS: wholeNumber(10, 0, 300),
  AUTH_REQUIRE_OWNER: oneOf('false', ['true', 'false']),
  AUTH_API_KEYS: oneOf('false', ['true', 'false']),
  AUTH_EXPLORE: oneOf(undefined, ['open', 'scope']),
  TRUSTED_DOCUMENTS: trustedDocuments,
  TRUSTED_DOCUMENTS_MODE: oneOf('enforce', ['off', 'log', 'enforce']),
  DATA_DIR: setting(undefined, (text) => text),
  LOG_LEVEL: oneOf('info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  LIMIT_PAGE_SIZE_DEFAULT: wholeNumber(20, 1, 10_000),
  LIMIT_PAGE_SIZE_MAX: wholeNumber(100, 1, 10_000),
  LIMIT_BODY_BYTES: wholeNumber(256 * 1024, 1024, 64 * 1024 * 1024),
  LIMIT_TOKENS: wholeNumber(2_000, 10, 1_000_000),
  LIMIT_DEPTH: wholeNumber(12, 1, 1_000),
  LIMIT_ALIASES: wholeNumber(50, 0, 1_000_000),
  LIMIT_ROOT_FIELDS: wholeNumber(20, 1, 1_000_000),
  LIMIT_COST: wholeNumber(10_000, 1, 1_000_000_000),
  LIMIT_COST_PER_MINUTE: wholeNumber(200_000, 0, 1_000_000_000),
  LIMIT_CONCURRENT_COST: wholeNumber(40_000, 1, 1_000_000_000),
  LIMIT_CONCURRENT_COST_PER_CLIENT: wholeNumber(10_000, 1, 1_000_000_000),
  LIMIT_RESPONSE_OBJECTS: wholeNumber(100_000, 1, 1_000_000_000),
  LIMIT_RESPONSE_BYTES: wholeNumber(64 * 1024 * 1024, 1024, 1024 * 1024 * 1024),
  LIMIT_REQUEST_MS: wholeNumber(10_000, 10, 600_000),
  LIMIT_STATEMENT_MS: wholeNumber(5_000, 10, 600_000),
  LIMIT_DATABASE_WAIT_MS: wholeNumber(2_000, 10, 600_000),
  LIMIT_DATABASE_CONNECTIONS: wholeNumber(10, 1, 1_000),
  LIMIT_PREPARED_STATEMENTS: wholeNumber(2_000, 0, 1_000_000),
  LIMIT_SUBSCRIPTIONS: wholeNumber(1_000, 0, 1_000_000),
  LIMIT_SUBSCRIPTIONS_PER_CLIENT: wholeNumber(50, 0, 1_000_000),
  LIMIT_CONNECTIONS: wholeNumber(10_000, 1, 1_000_000),
  LIMIT_REQUESTS: wholeNumber(1_000, 1, 1_000_000),
  LIMIT_REQUESTS_PER_CLIENT: wholeNumber(200, 1, 1_000_000),
  LIMIT_REQUESTS_PER_CONNECTION: wholeNumber(10, 1, 10_000),
  LIMIT_RECEIVE_MS: wholeNumber(30_000, 10, 600_000),
  LIMIT_STALL_MS: wholeNumber(30_000, 10, 600_000),
  LIMIT_BUFFER_BYTES: wholeNumber(64 * 1024 * 1024, 1024, 64 * 1024 * 1024 * 1024),
  SHUTDOWN_DRAIN_MS: wholeNumber(3_000, 0, 600_000),
  COMPRESSION_MIN_BYTES: wholeNumber(1_000, 0, 1024 * 1024 * 1024),
  CACHE_ENABLED: oneOf('true', ['true', 'false']),
  CACHE_PREFIX: setting('concierge:', (text, ctx) => {
    if (!/^[!-~]{1,100}$/.test(text))
      return refuseValue(ctx, `expected at most 100 characters of ASCII without blanks, got ${quoted(text)}`);
    // As in Redis, the first braces count. With others, a cluster has a response in another slot than its lease.
    if (/^[^{}]*$|^[^{]*\{[^}]+\}/.test(text)) return text;
    return refuseValue(ctx, `expected no braces, or a hash tag such as {shop}, got ${quoted(text)}`);
  }),
  CACHE_TIMEOUT_MS: wholeNumber(40, 1, 10_000),
  CACHE_NEAR_BYTES: wholeNumber(32 * 1024 * 1024, 0, 64 * 1024 * 1024 * 1024),
  CACHE_STALE_WHILE_REVALIDATE_SECONDS: wholeNumber(30, 0, 86_400),
  CACHE_STALE_IF_ERROR_SECONDS: wholeNumber(600, 0, 86_400),
});

/** The names of all settings. */
export const SETTING_NAMES: readonly string[] = Object.keys(settings.shape);

/** The gateway's settings. Times are in milliseconds, sizes in bytes; `undefined` means that none was given. */
export interface Config {
  readonly environment: 'development' | 'production' | 'test';
  readonly host: string;
  readonly port: number;
  /** `mysql://` or `mariadb://`, with a database name. */
  readonly databaseUrl: string | undefined;
  /** Empty: no Redis. One: a single server. Several: the seeds of a Redis Cluster. */
  readonly redisUrls: readonly string[];
  /** Host names, besides those of loopback, for which requests are accepted. `.example.com` also stands for all names below it. */
  readonly allowedHosts: readonly string[];
  /** Origins whose web pages may read responses, in the form that browsers send. */
  readonly corsOrigins: readonly string[];
  readonly auth: AuthConfig;
  readonly trust: TrustConfig;
  /** Where embedded servers keep their data; undefined for the project's default folder. */
  readonly dataDir: string | undefined;
  readonly logLevel: z.output<typeof settings>['LOG_LEVEL'];
  /** How long a stopping gateway still accepts requests. */
  readonly shutdownDrainMs: number;
  /** The size from which on responses are compressed; 0 for none. */
  readonly compressionMinBytes: number;
  readonly limits: Limits;
  readonly cache: CacheConfig;
}

export interface Limits {
  readonly pageSizeDefault: number;
  readonly pageSizeMax: number;
  readonly bodyBytes: number;
  readonly tokens: number;
  readonly depth: number;
  readonly aliases: number;
  readonly rootFields: number;
  readonly cost: number;
  /** Of what a client requests within a minute, over all gateways; 0 for any. */
  readonly costPerMinute: number;
  /** Of the operations that are executed at the same time: in total, and per client address. */
  readonly concurrentCost: number;
  readonly concurrentCostPerClient: number;
  /** Of the result of an operation, and bytes again for the rows that are read for it. */
  readonly responseObjects: number;
  readonly responseBytes: number;
  readonly requestMs: number;
  readonly statementMs: number;
  /** How long to wait for a database connection; also how long after `statementMs` a silent one counts as dead. */
  readonly databaseWaitMs: number;
  readonly databaseConnections: number;
  /** For all connections together. */
  readonly preparedStatements: number;
  readonly subscriptions: number;
  readonly subscriptionsPerClient: number;
  /** Connections of clients. The operating system may allow fewer. */
  readonly connections: number;
  /** GraphQL requests that are being handled at the same time: in total, per client address, and per connection. */
  readonly requests: number;
  readonly requestsPerClient: number;
  readonly requestsPerConnection: number;
  /** How long a whole request may take to arrive. */
  readonly receiveMs: number;
  /** How long a client may read nothing of a response. */
  readonly stallMs: number;
  /** For request bodies that have not arrived completely, and again for responses that clients have not read. */
  readonly bufferBytes: number;
}

export interface AuthConfig {
  /** How tokens are verified; undefined when there are none. With neither these nor API keys, every caller has every scope. */
  readonly tokens: TokenConfig | undefined;
  /** Whether callers may have API keys. */
  readonly apiKeys: boolean;
  /** Whether GraphiQL, the SDL and introspection are for everybody; otherwise they need the scope `crm:explore`. */
  readonly isExploreOpen: boolean;
}

export interface TrustConfig {
  /** By id; empty if none were named, and then any may be executed. */
  readonly documents: TrustedDocuments;
  /** What happens to other documents: nothing, a line in the log, or a refusal. */
  readonly mode: 'off' | 'log' | 'enforce';
}

export interface TokenConfig {
  /** Exactly one of this, `publicKey` and `jwksUrl` is given. */
  readonly secret: Uint8Array | undefined;
  /** Tokens that are signed with this one are accepted, too; only beside `secret`. */
  readonly previousSecret: Uint8Array | undefined;
  readonly publicKey: PublicKey | undefined;
  readonly jwksUrl: URL | undefined;
  /** The claims `iss` and `aud` that a token must have; undefined for any. */
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** Whether a token without the claim `owner` is refused, instead of being for all customers. */
  readonly requiresOwner: boolean;
  /** How far the issuer's clock may be from this one. */
  readonly clockSkewSeconds: number;
}

export interface CacheConfig {
  readonly enabled: boolean;
  /** Prefix of every Redis key. */
  readonly prefix: string;
  /** The longest that a request waits for Redis. */
  readonly timeoutMs: number;
  /** How many bytes of responses the gateway keeps in its own memory; 0 for none. */
  readonly nearBytes: number;
  /** After its lifetime, how long a response is served while one request refreshes it, and while the database is unavailable. */
  readonly staleWhileRevalidateSeconds: number;
  readonly staleIfErrorSeconds: number;
}

/**
 * Reads the settings from an environment.
 * @param env as `process.env`
 * @param options.serves false for a command that nobody calls, which needs no way to authenticate
 * @returns a frozen `Config` with defaults filled in
 * @throws ConfigError listing every problem
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>, { serves = true } = {}): Config {
  const result = settings.safeParse(env);
  const problems = result.success
    ? []
    : result.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`);
  for (const name of Object.keys(env).filter((key) => !(key in settings.shape) && isOurs(key, SETTING_NAMES)))
    problems.push(`${name}: there is no such setting in this version${suggestion(name, SETTING_NAMES)}`);
  const isProduction = env['NODE_ENV'] === 'production';
  problems.push(...authProblems(env, isProduction && serves));
  if (isProduction && !env['DATABASE_URL'])
    problems.push('DATABASE_URL: production needs one; embedded servers are for development');
  problems.push(...pageSizeProblems(env), ...documentsProblems(env));
  if (!result.success || problems.length > 0) throw new ConfigError(problems);
  const given = result.data;
  return Object.freeze({
    environment: given.NODE_ENV,
    host: given.HOST,
    port: given.PORT,
    databaseUrl: given.DATABASE_URL,
    redisUrls: Object.freeze(given.REDIS_URL),
    allowedHosts: Object.freeze(given.ALLOWED_HOSTS),
    corsOrigins: Object.freeze(given.CORS_ORIGINS),
    auth: authConfig(given),
    trust: Object.freeze({ documents: given.TRUSTED_DOCUMENTS, mode: given.TRUSTED_DOCUMENTS_MODE }),
    dataDir: given.DATA_DIR,
    logLevel: given.LOG_LEVEL,
    shutdownDrainMs: given.SHUTDOWN_DRAIN_MS,
    compressionMinBytes: given.COMPRESSION_MIN_BYTES,
    limits: Object.freeze({
      pageSizeDefault: given.LIMIT_PAGE_SIZE_DEFAULT,
      pageSizeMax: given.LIMIT_PAGE_SIZE_MAX,
      bodyBytes: given.LIMIT_BODY_BYTES,
      tokens: given.LIMIT_TOKENS,
      depth: given.LIMIT_DEPTH,
      aliases: given.LIMIT_ALIASES,
      rootFields: given.LIMIT_ROOT_FIELDS,
      cost: given.LIMIT_COST,
      costPerMinute: given.LIMIT_COST_PER_MINUTE,
      concurrentCost: given.LIMIT_CONCURRENT_COST,
      concurrentCostPerClient: given.LIMIT_CONCURRENT_COST_PER_CLIENT,
      responseObjects: given.LIMIT_RESPONSE_OBJECTS,
      responseBytes: given.LIMIT_RESPONSE_BYTES,
      requestMs: given.LIMIT_REQUEST_MS,
      statementMs: given.LIMIT_STATEMENT_MS,
      databaseWaitMs: given.LIMIT_DATABASE_WAIT_MS,
      databaseConnections: given.LIMIT_DATABASE_CONNECTIONS,
      preparedStatements: given.LIMIT_PREPARED_STATEMENTS,
      subscriptions: given.LIMIT_SUBSCRIPTIONS,
      subscriptionsPerClient: given.LIMIT_SUBSCRIPTIONS_PER_CLIENT,
      connections: given.LIMIT_CONNECTIONS,
      requests: given.LIMIT_REQUESTS,
      requestsPerClient: given.LIMIT_REQUESTS_PER_CLIENT,
      requestsPerConnection: given.LIMIT_REQUESTS_PER_CONNECTION,
      receiveMs: given.LIMIT_RECEIVE_MS,
      stallMs: given.LIMIT_STALL_MS,
      bufferBytes: given.LIMIT_BUFFER_BYTES,
    }),
    cache: Object.freeze({
      enabled: given.CACHE_ENABLED === 'true',
      prefix: given.CACHE_PREFIX,
      timeoutMs: given.CACHE_TIMEOUT_MS,
      nearBytes: given.CACHE_NEAR_BYTES,
      staleWhileRevalidateSeconds: given.CACHE_STALE_WHILE_REVALIDATE_SECONDS,
      staleIfErrorSeconds: given.CACHE_STALE_IF_ERROR_SECONDS,
    }),
  });
}

/** The default page size must not exceed the maximum. */
function pageSizeProblems(env: Readonly<Record<string, string | undefined>>): string[] {
  const { LIMIT_PAGE_SIZE_DEFAULT, LIMIT_PAGE_SIZE_MAX } = settings.shape;
  const [size, most] = [
    LIMIT_PAGE_SIZE_DEFAULT.safeParse(env['LIMIT_PAGE_SIZE_DEFAULT']),
    LIMIT_PAGE_SIZE_MAX.safeParse(env['LIMIT_PAGE_SIZE_MAX']),
  ];
  if (!size.success || !most.success || size.data <= most.data) return [];
  const got = env['LIMIT_PAGE_SIZE_DEFAULT'] ? `"${size.data}"` : `its default, ${size.data}: set it, too`;
  return [`LIMIT_PAGE_SIZE_DEFAULT: expected at most LIMIT_PAGE_SIZE_MAX (${most.data}), got ${got}`];
}

function authConfig(given: z.output<typeof settings>): AuthConfig {
  const [secret, publicKey, jwks] = [given.AUTH_JWT_SECRET, given.AUTH_JWT_PUBLIC_KEY, given.AUTH_JWKS_URL];
  const tokens = {
    secret,
    previousSecret: given.AUTH_JWT_SECRET_PREVIOUS,
    publicKey,
    jwksUrl: jwks,
    issuer: given.AUTH_JWT_ISSUER,
    audience: given.AUTH_JWT_AUDIENCE,
    requiresOwner: given.AUTH_REQUIRE_OWNER === 'true',
    clockSkewSeconds: given.AUTH_JWT_CLOCK_SKEW_SECONDS,
  };
  return Object.freeze({
    tokens: (secret ?? publicKey ?? jwks) ? Object.freeze(tokens) : undefined,
    apiKeys: given.AUTH_API_KEYS === 'true',
    isExploreOpen: (given.AUTH_EXPLORE ?? (given.NODE_ENV === 'production' ? 'scope' : 'open')) === 'open',
  });
}
