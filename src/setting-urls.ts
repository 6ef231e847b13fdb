import { z } from 'zod';

// Connection strings hold passwords, so what came is described and never repeated.
const connectionUrl = (protocols: readonly string[], expected: string) => (text: string, ctx: z.RefinementCtx) => {
  const url = URL.parse(text);
  const sign = signInPassword(text, url);
  if (sign !== undefined)
    ctx.addIssue({ code: 'custom', message: `${expected}, got one with a ${sign} that should be ${encoded(sign)}` });
  else if (url === null) ctx.addIssue({ code: 'custom', message: `${expected}, got something that is not a URL` });
  else if (!protocols.includes(url.protocol))
    ctx.addIssue({ code: 'custom', message: `${expected}, got one that starts with "${url.protocol}"` });
  else if (![url.username, url.password, url.pathname].every(canBeDecoded))
    ctx.addIssue({ code: 'custom', message: `${expected}, got one with a % that should be %25` });
  else return url.href;
  return z.NEVER;
};

const encoded = (sign: string): string => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;

/**
 * The sign in a name or password that ends the part of a URL that it stands in, so that what comes after is taken for
 * something else. None of ours has a fragment; the others are looked for only where the URL makes no sense as it stands.
 */
function signInPassword(text: string, url: URL | null): string | undefined {
  if (text.includes('#')) return '#';
  if (url !== null && !url.pathname.includes('@')) return undefined;
  return /[/?]/.exec(/^\w+:\/\/(.*)@/s.exec(text)?.[1] ?? '')?.[0];
}

function canBeDecoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}

/**
 * What may stand after the `?` of a DATABASE_URL: nothing yet. `connectionOptions` in src/db/pool.ts reads what is listed
 * here; anything else is refused, since whoever writes `?sslmode=require` relies on it.
 */
const DATABASE_PARAMETERS: ReadonlySet<string> = new Set();

/** `mysql://` or `mariadb://`, with the name of a database. */
export const databaseUrl = z
  .string()
  .optional()
  .transform((text, ctx) => {
    if (text === undefined || text === '') return undefined;
    const expected = 'expected a URL such as mysql://user:password@host:3306/database';
    const href = connectionUrl(['mysql:', 'mariadb:'], expected)(text, ctx);
    if (typeof href !== 'string') return z.NEVER;
    const { pathname, searchParams } = new URL(href);
    const unknown = [...new Set(searchParams.keys())].filter((name) => !DATABASE_PARAMETERS.has(name));
    if (pathname.length < 2) ctx.addIssue({ code: 'custom', message: `${expected}, got one without a database name` });
    for (const name of unknown)
      ctx.addIssue({ code: 'custom', message: `${expected}, got one with ${parameter(name)}` });
    return href;
  });

/** A name of a parameter. What no name looks like may be the end of a password with a `?` in it. */
const parameter = (name: string): string =>
  /^[\w.-]{1,40}$/.test(name)
    ? `the parameter "${name}", which this version does not know`
    : 'a ? that should be %3F, or with a parameter that this version does not know';

/** `redis://` or `rediss://`, several separated by commas. */
export const redisUrls = z
  .string()
  .optional()
  .transform((text, ctx): readonly string[] => {
    const expected = 'expected a URL such as redis://host:6379 (several, comma-separated: Redis Cluster)';
    const parse = connectionUrl(['redis:', 'rediss:'], expected);
    const given = (text ?? '').split(',').map((part) => part.trim());
    return given
      .filter((part) => part !== '')
      .map((part) => {
        const href = parse(part, ctx);
        const problem = redisProblem(href, given.filter((other) => other !== '').length > 1);
        if (problem !== undefined) ctx.addIssue({ code: 'custom', message: `${expected}, got ${problem}` });
        return href;
      });
  });

/** What ioredis would pass over, or fail over once the gateway serves. */
function redisProblem(href: string, isCluster: boolean): string | undefined {
  const url = URL.parse(href);
  if (url === null) return undefined;
  if (url.search !== '') return 'one with parameters, of which this version knows none; a ? should be %3F';
  if (!/^\/?\d*$/.test(url.pathname)) return 'one whose path is not the number of a database, such as /3';
  return isCluster && /[1-9]/.test(url.pathname) ? 'a cluster with a database other than 0' : undefined;
}
