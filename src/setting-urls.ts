import { z } from 'zod';
import { listed, refuseValue, setting } from './setting-kinds.ts';
import { TLS_PARAMETERS, tlsProblem } from './tls.ts';

// Connection strings hold passwords, so error messages describe the value and never repeat it.
const connectionUrl = (protocols: readonly string[], expected: string) => (text: string, ctx: z.RefinementCtx) => {
  const url = URL.parse(text);
  const problem = problemOf(text, url, protocols);
  if (url !== null && problem === undefined) return url.href;
  return refuseValue(ctx, `${expected}, got ${problem}`);
};

function problemOf(text: string, url: URL | null, protocols: readonly string[]): string | undefined {
  const sign = signInPassword(text, url);
  if (sign !== undefined) return `one with a ${sign} that should be ${encoded(sign)}`;
  // The URL parser drops these silently, which would change the password.
  if (/[\t\n\r]/.test(text.trim())) return 'one with a tab or line break, which should be %09, %0A or %0D';
  if (url === null) return 'something that is not a URL';
  if (!protocols.includes(url.protocol)) return `one that starts with "${url.protocol}"`;
  const decoded = [url.username, url.password, url.pathname].map(decode);
  if (decoded.includes(undefined)) return 'one with a % that should be %25';
  // NUL ends a string for whatever reads it, so the rest would be ignored.
  if (decoded.some((part) => part?.includes('\0'))) return 'one with %00, which is not allowed there';
  // The URL parser resolves these, which would name another database.
  if (/\/(?:\.|%2e){1,2}(?:[/?]|$)/i.test(text)) return 'one with . or .. as a part of its path';
  if (!/^(?:[\w.-]+|\[[\da-f:.]+\])$/i.test(url.hostname))
    return 'one whose host is neither a name in ASCII nor an address';
  return url.port === '0' ? 'one with port 0' : undefined;
}

const encoded = (sign: string): string => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;

/**
 * An unencoded character in the user name or password that ends the URL part it stands in, so that the rest is parsed as
 * something else. `#` is always one, since our URLs have no fragment; `/` and `?` only if the URL makes no sense as it stands.
 */
function signInPassword(text: string, url: URL | null): string | undefined {
  if (text.includes('#')) return '#';
  if (url !== null && !url.pathname.includes('@')) return undefined;
  return /[/?]/.exec(/^\w+:\/\/(.*)@/s.exec(text)?.[1] ?? '')?.[0];
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** `mysql://` or `mariadb://`, with the name of a database. */
export const databaseUrl = setting(undefined, (text, ctx) => {
  const expected = 'expected a URL such as mysql://user:password@host:3306/database';
  const href = connectionUrl(['mysql:', 'mariadb:'], expected)(text, ctx);
  if (typeof href !== 'string') return z.NEVER;
  const url = new URL(href);
  const problems = [
    url.pathname.length < 2 ? 'one without a database name' : undefined,
    url.pathname.includes('/', 1) ? 'one with a / in the name of the database, which should be %2F' : undefined,
    ...unknownParameters(url),
    tlsProblem(url),
  ].filter((problem) => problem !== undefined);
  for (const problem of problems) ctx.addIssue({ code: 'custom', message: `${expected}, got ${problem}` });
  return href;
});

/**
 * Unknown parameters are refused, since whoever writes `?sslmode=require` relies on it. Text that does not look like a
 * parameter's name may be the end of a password with a `?` in it, so it is not repeated.
 */
const unknownParameters = ({ searchParams }: URL): string[] =>
  [...new Set(searchParams.keys())]
    .filter((name) => !TLS_PARAMETERS.has(name))
    .map((name) =>
      /^[\w.-]{1,40}$/.test(name)
        ? `one with the parameter "${name}", which this version does not know`
        : 'one with a ? that should be %3F, or with a parameter that this version does not know',
    );

/** `redis://` or `rediss://`, comma-separated. */
export const redisUrls = z
  .string()
  .optional()
  .transform((text, ctx): readonly string[] => {
    const expected = 'expected a URL such as redis://host:6379 (several, comma-separated: Redis Cluster)';
    const refuse = (problem: string) => ctx.addIssue({ code: 'custom', message: `${expected}, got ${problem}` });
    const parse = connectionUrl(['redis:', 'rediss:'], expected);
    const parts = listed(text);
    if (parts === undefined) {
      refuse('nothing but commas');
      return z.NEVER;
    }
    // A part that is not a URL may be half of a password.
    if (parts.length > 1 && parts.some((part) => URL.parse(part) === null)) {
      refuse('a part that is not a URL; a , within a URL should be %2C');
      return z.NEVER;
    }
    const given = parts.map((part) => parse(part, ctx));
    const urls = given.filter((href) => typeof href === 'string').map((href) => new URL(href));
    for (const url of urls) redisProblems(url, given.length > 1).forEach(refuse);
    // The other nodes of a cluster are discovered through its seeds, which say nothing about TLS.
    if (new Set(urls.map(({ protocol, search }) => protocol + search)).size > 1)
      refuse('a cluster whose URLs do not all ask for the same TLS');
    return given;
  });

/** What ioredis would silently ignore, or fail on only once the gateway is serving. */
function redisProblems(url: URL, isCluster: boolean): string[] {
  const isTls = url.protocol === 'rediss:';
  const asksForTls = [...TLS_PARAMETERS].some((name) => url.searchParams.has(name));
  return [
    ...unknownParameters(url),
    asksForTls && !isTls ? 'one with parameters of TLS that does not start with "rediss:"' : tlsProblem(url, isTls),
    /^\/?\d{0,9}$/.test(url.pathname) ? undefined : 'one whose path is not the number of a database, such as /3',
    // ioredis would then not authenticate at all.
    url.username !== '' && url.password === '' ? 'one with a user name and no password' : undefined,
    isCluster && /[1-9]/.test(url.pathname) ? 'a cluster with a database other than 0' : undefined,
  ].filter((problem) => problem !== undefined);
}
