import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, parseConfig, SETTING_NAMES } from '../../src/config.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { MYSQL_URL, SETTINGS } from './known-settings.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** Runs the CLI with only these settings. */
const start = (env: Readonly<Record<string, string>>) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'start'], { env, encoding: 'utf8', cwd: '/' });
  return { status, stdout, lines: stderr.trimEnd().split('\n') };
};

describe('a setting', () => {
  test('is one of these and of .env.example, which shows its default', () => {
    expect(SETTINGS.map(({ name }) => name).sort()).toEqual([...SETTING_NAMES].sort());
    const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    const shown = [...example.matchAll(/^# ([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
    const defaults = SETTINGS.map(({ name, fallback }) => [name, String(fallback ?? '')]);
    const expected = new Map(defaults.map(([name, value]) => [name, name === 'DATA_DIR' ? '.data/demo' : value]));
    expect(new Map(shown as [string, string][])).toEqual(expected);
    expect(shown.length).toBe(SETTINGS.length);
    // Unmodified, it changes nothing.
    expect(example.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
  });

  test.each(SETTINGS)(
    '$name has its default, and takes what is in its bounds',
    ({ name, read, fallback, right, also }) => {
      expect(read(parseConfig({}))).toEqual(fallback);
      for (const [text, value] of right)
        expect([text, read(parseConfig({ ...also, [name]: text }))]).toEqual([text, value]);
    },
  );

  test.each(SETTINGS.filter(({ wrong }) => wrong.length > 0))(
    '$name that is wrong is named in one line, with what was expected and what came',
    ({ name, wrong, also }) => {
      for (const [text, said] of wrong) {
        expect([text, problemsOf({ ...also, [name]: text })]).toEqual([text, [`${name}: ${said}`]]);
        expect(problemsOf({ ...also, [name]: text }).join()).not.toContain('secret');
      }
    },
  );

  test('that does not exist is refused if its name is similar to one of ours, which the error names, and ignored otherwise', () => {
    const meant = {
      AUTH_TOKEN_FILE: undefined,
      AUTH_SECRET: 'AUTH_JWT_SECRET',
      AUTH_JWT_SECRET_PREV: 'AUTH_JWT_SECRET_PREVIOUS',
      AUTH_JWT_AUD: 'AUTH_JWT_AUDIENCE',
      auth_jwt_clock_skew: 'AUTH_JWT_CLOCK_SKEW_SECONDS',
      ALLOWED_HOST: 'ALLOWED_HOSTS',
      CORS_ORIGIN: 'CORS_ORIGINS',
      LIMIT_COSTS: 'LIMIT_COST',
      LIMIT_: undefined,
      Limit_Foo: 'LIMIT_COST',
      CACHE_TTL: undefined,
      WORKERS: undefined,
      DATABASE_REPLICA_URLS: undefined,
      DATABASE_URI: 'DATABASE_URL',
      DATABASE_URLS: 'DATABASE_URL',
      REDIS_URI: 'REDIS_URL',
      REDIS_URLS: 'REDIS_URL',
      LOG_LEVELS: 'LOG_LEVEL',
      LOG_LVL: 'LOG_LEVEL',
      DATA_DIRECTORY: 'DATA_DIR',
      DATABASEURL: 'DATABASE_URL',
      DATABSE_URL: 'DATABASE_URL',
      database_url: 'DATABASE_URL',
      databaseUrl: 'DATABASE_URL',
      REDISURL: 'REDIS_URL',
      LOGLEVEL: 'LOG_LEVEL',
      CORSORIGINS: 'CORS_ORIGINS',
      LIMITS_COST: 'LIMIT_COST',
      limit_cost: 'LIMIT_COST',
      NODEENV: 'NODE_ENV',
    };
    for (const [name, known] of Object.entries(meant)) {
      const question = known === undefined ? '' : `; did you mean ${known}?`;
      expect(problemsOf({ [name]: 'secret' })).toEqual([
        `${name}: there is no such setting in this version${question}`,
      ]);
    }
    expect(problemsOf({ DATABASE_HOST: 'x', REDIS_PORT: '1', LOG_FORMAT: 'x', DATA_PATH: 'x' })).toEqual([]);
    expect(
      problemsOf({
        PATH: '/bin',
        HOME: '/root',
        MY_LIMIT_X: '1',
        npm_config_cache: 'x',
        HOSTNAME: 'x',
        PORTS: 'x',
        DATABASE_USER: 'x',
        REDIS_PASSWORD: 'x',
        LOG_FILE: 'x',
      }),
    ).toEqual([]);
  });

  test('that is a URL is refused with each parameter that would be ignored', () => {
    const problems = problemsOf({ DATABASE_URL: 'mysql://u@host/crm?ssl=1&connection_limit=5&ssl=2' });
    expect(problems).toEqual(
      ['ssl', 'connection_limit'].map(
        (name) => `DATABASE_URL: ${MYSQL_URL} one with the parameter "${name}", which this version does not know`,
      ),
    );
  });

  test('cannot be changed once it is read', () => {
    const config = parseConfig({});
    for (const part of [config, config.limits, config.cache, config.redisUrls, config.corsOrigins, config.allowedHosts])
      expect(Object.isFrozen(part)).toBe(true);
  });
});

describe('settings', () => {
  test('that contradict each other are refused', () => {
    expect(problemsOf({ LIMIT_PAGE_SIZE_DEFAULT: '50', LIMIT_PAGE_SIZE_MAX: '49' })).toEqual([
      'LIMIT_PAGE_SIZE_DEFAULT: expected at most LIMIT_PAGE_SIZE_MAX (49), got "50"',
    ]);
    expect(problemsOf({ LIMIT_PAGE_SIZE_MAX: '10' })).toEqual([
      'LIMIT_PAGE_SIZE_DEFAULT: expected at most LIMIT_PAGE_SIZE_MAX (10), got its default, 20: set it, too',
    ]);
  });

  test('for production need a database and a way to authenticate', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'NODE_ENV: production needs a way to authenticate: one of AUTH_JWT_SECRET, AUTH_JWT_PUBLIC_KEY, AUTH_JWKS_URL, or AUTH_API_KEYS=true',
      'DATABASE_URL: production needs one; embedded servers are for development',
    ]);
    // Nobody calls what only migrates or imports.
    const env = { NODE_ENV: 'production', DATABASE_URL: 'mysql://u@host/crm' };
    expect(parseConfig(env, { serves: false }).environment).toBe('production');
  });

  test('of access belong together: one key, and with a public one the claims that tell its tokens apart', () => {
    const shared = { AUTH_JWT_SECRET: 'x'.repeat(32) };
    const [jwks, claims] = [
      { AUTH_JWKS_URL: 'https://issuer.example/jwks' },
      { AUTH_JWT_ISSUER: 'https://issuer.example', AUTH_JWT_AUDIENCE: 'crm' },
    ];
    const production = { NODE_ENV: 'production', DATABASE_URL: 'mysql://u@host/crm' };
    for (const fine of [shared, { ...jwks, ...claims }, { AUTH_API_KEYS: 'true' }])
      expect(problemsOf({ ...production, ...fine })).toEqual([]);
    expect(parseConfig({ ...production, ...shared }).auth.isExploreOpen).toBe(false);
    expect(problemsOf({ ...shared, ...jwks, ...claims })).toEqual([
      'AUTH_JWT_SECRET, AUTH_JWKS_URL: expected only one of them',
    ]);
    const previous = { AUTH_JWT_SECRET_PREVIOUS: shared.AUTH_JWT_SECRET };
    expect(problemsOf({ ...shared, ...previous })).toEqual([
      'AUTH_JWT_SECRET_PREVIOUS: expected another one than AUTH_JWT_SECRET, got the same',
    ]);
    for (const other of [{}, { ...jwks, ...claims }])
      expect(problemsOf({ ...other, ...previous })).toEqual([
        'AUTH_JWT_SECRET_PREVIOUS: expected AUTH_JWT_SECRET with it, got none',
      ]);
    expect(problemsOf(jwks)).toEqual(
      ['AUTH_JWT_ISSUER', 'AUTH_JWT_AUDIENCE'].map(
        (name) => `${name}: AUTH_JWKS_URL needs one; tokens for other services are signed with the same key`,
      ),
    );
    const keys = 'one of AUTH_JWT_SECRET, AUTH_JWT_PUBLIC_KEY, AUTH_JWKS_URL';
    expect(problemsOf({ AUTH_JWT_AUDIENCE: 'crm' })).toEqual([`AUTH_JWT_AUDIENCE: expected ${keys} with it, got none`]);
    const skewed = { AUTH_JWT_CLOCK_SKEW_SECONDS: '5' };
    for (const keyless of [skewed, { ...skewed, ...production, AUTH_API_KEYS: 'true' }])
      expect(problemsOf(keyless)).toEqual([`AUTH_JWT_CLOCK_SKEW_SECONDS: expected ${keys} with it, got none`]);
    for (const keyless of [{}, { ...production, AUTH_API_KEYS: 'true' }])
      expect(problemsOf({ AUTH_REQUIRE_OWNER: 'true', ...keyless })).toEqual([
        `AUTH_REQUIRE_OWNER: with true, expected ${keys}, got none`,
      ]);
    expect(problemsOf({ AUTH_EXPLORE: 'scope' })).toEqual([
      `AUTH_EXPLORE: with scope, expected ${keys}, or AUTH_API_KEYS=true, got none`,
    ]);
    expect(problemsOf({ AUTH_EXPLORE: 'open' })).toEqual([]);
  });

  test('of a public key may be a file whose name has a backslash and an n', async () => {
    const folder = await createTemporaryFolder();
    try {
      const name = join(folder.path, String.raw`new\new.pem`);
      const { publicKey } = generateKeyPairSync('ed25519', { publicKeyEncoding: { type: 'spki', format: 'pem' } });
      writeFileSync(name, publicKey);
      const claims = { AUTH_JWT_ISSUER: 'https://issuer.example', AUTH_JWT_AUDIENCE: 'crm' };
      expect(parseConfig({ ...claims, AUTH_JWT_PUBLIC_KEY: name }).auth.tokens?.publicKey?.algorithms).toEqual([
        'EdDSA',
        'Ed25519',
      ]);
    } finally {
      await folder.remove();
    }
  });

  test('of access are not empty where everybody would have every scope then', () => {
    const problem = (name: string) =>
      `${name}: expected a value, got an empty text; leave it out if nobody is to authenticate`;
    for (const name of ['AUTH_JWT_SECRET', 'AUTH_JWKS_URL', 'AUTH_API_KEYS', 'AUTH_REQUIRE_OWNER'])
      expect(problemsOf({ [name]: '' })).toEqual([problem(name)]);
    const production = { NODE_ENV: 'production', DATABASE_URL: 'mysql://u@host/crm' };
    expect(problemsOf({ ...production, AUTH_JWT_SECRET: '' })).toEqual([
      expect.stringMatching(/^NODE_ENV: production needs/),
      problem('AUTH_JWT_SECRET'),
    ]);
    for (const fine of [{ AUTH_API_KEYS: 'true' }, { AUTH_JWT_SECRET: 'x'.repeat(32), AUTH_API_KEYS: '' }])
      expect(problemsOf({ AUTH_JWT_PUBLIC_KEY: '', ...fine })).toEqual([]);
    expect(problemsOf({ CACHE_PREFIX: '' })).toEqual([]);
  });

  test('that are wrong are all reported at once, before anything starts, with exit code 78 and without passwords', () => {
    const wrong = {
      NODE_ENV: 'production',
      PORT: '65536',
      REDIS_URL: 'redis://a:1,ftp://u:secret@b',
      CORS_ORIGINS: '*',
      CACHE_TTL: 'secret',
      LIMIT_PAGE_SIZE_DEFAULT: '101',
      LIMIT_TOKENS: 'a\nb',
    };
    const { status, stdout, lines } = start(wrong);
    expect([status, stdout]).toEqual([78, '']);
    const named = lines.map((line) => line.slice(0, line.indexOf(':')));
    expect(named.sort()).toEqual([...Object.keys(wrong), 'DATABASE_URL'].sort());
    expect(lines.join('\n')).not.toMatch(/secret|\bat \S+:\d+/);
  });

  test('are the same for every command', () => {
    for (const command of [['migrate'], ['seed', '--customers', '1']]) {
      const { status, stderr } = spawnSync(process.execPath, [main, ...command], {
        env: { DATABASE_URL: 'secret' },
        encoding: 'utf8',
        cwd: '/',
      });
      expect([command, status, stderr]).toEqual([
        command,
        78,
        `DATABASE_URL: ${MYSQL_URL} something that is not a URL\n`,
      ]);
    }
  });
});
