import { createSecretKey, randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SignJWT } from 'jose';
import { CliError } from '../src/cli-error.ts';
import { GROUP_SIZE, type CaseName } from './cases.ts';
import type { Checkout } from './checkout.ts';
import { startChild, type Child, type ChildOptions } from './children.ts';
import type { BenchServers } from './data.ts';
import { requestOnce } from './round.ts';
import type { Settings } from './servers/serve.ts';

/** A server and a case: one line of the table. */
export interface Target {
  readonly server: ServerName;
  readonly caseName: CaseName;
  readonly child: Child;
  readonly path: string;
  /** Whether every request is different. */
  readonly varied: boolean;
  /** Whether every request has a header of its own, so that it must be parsed. */
  readonly hasOwnHeader?: boolean;
  /** How many SELECT statements one request takes; any other number means that something unintended was measured. */
  readonly statements: number;
  /** The result that the gateway's cache must report for nearly every request: a hit in its memory, or in Redis, or a miss. */
  readonly cacheResult?: 'NEAR' | 'HIT' | 'MISS';
  /** Which of two checkouts, when two are compared: the other one is `before`. */
  readonly side?: Side;
}

export type Side = 'before' | 'after';

/** A line's name in messages, such as `uncached N10` or `before, uncached N10`. */
export const nameOf = ({ side, server, caseName }: Omit<Target, 'child'>): string =>
  `${side === undefined ? '' : `${side}, `}${server} ${caseName}`;

/** The name of every server in the tables. */
export const SERVER_LABELS = {
  constant: 'plain node:http server, response kept in memory',
  redisGet: 'plain node:http server, response read from Redis',
  cached: 'gateway, cache hit',
  parsedHit: 'gateway, cache hit, each request with a header of its own',
  signedIn: 'gateway, cache hit, with a token',
  redisHit: 'gateway without memory for responses, cache hit',
  client: 'plain node:http server, Prisma Client `findMany`',
  adapter: "plain node:http server, gateway's SQL by Prisma's driver adapter",
  ownPool: "plain node:http server, gateway's SQL by `src/db`",
  uncached: 'gateway, cache miss',
  cacheOff: 'gateway, cache disabled',
} as const;

export type ServerName = keyof typeof SERVER_LABELS;

/** The gateway's servers. */
export const GATEWAY_SERVERS = ['cached', 'uncached', 'cacheOff'] as const satisfies readonly ServerName[];

const FROM_CACHE: ReadonlySet<ServerName> = new Set([
  'constant',
  'redisGet',
  'cached',
  'parsedHit',
  'signedIn',
  'redisHit',
]);

/** The servers that execute the document of every request. The others only know the case, from the path. */
const EXECUTING: ReadonlySet<ServerName> = new Set(['uncached', 'cacheOff']);

/**
 * Whether there is a line of this server for this case. N200's responses differ from N10's only in names, so from a cache they
 * would measure the same.
 */
export const isMeasured = (server: ServerName, caseName: CaseName): boolean =>
  caseName === 'LI' ? EXECUTING.has(server) : caseName !== 'N200' || !FROM_CACHE.has(server);

/**
 * Starts every server in its own process and checks that they all send the same responses.
 * @param profile the folder for CPU profiles of the server processes; undefined for none
 */
export async function startTargets(
  servers: BenchServers,
  profile: string | undefined,
): Promise<{ targets: readonly Target[]; stop: () => Promise<void> }> {
  const { start, stop } = createStarter(servers, profile);
  try {
    const gateways = await startGateways(start);
    const { responses } = gateways;
    const sameBytes = await start('constant', { responses });
    const redisGet = await start('redis-get', { responses });
    const noMemory = await start('gateway', { env: { CACHE_NEAR_BYTES: '0' } });
    const withTokens = await start('gateway', await withToken());
    const client = await start('prisma-client');
    const adapter = await start('driver-adapter');
    const ownPool = await start('driver-adapter', { env: { BENCH_POOL: 'own' } });
    const targets = CASE_NAMES.flatMap((caseName): Target[] => {
      const { repeated, varied } = loadsOf(caseName);
      const path = `/${caseName}`;
      const isList = caseName === 'L' || caseName === 'LI';
      const [hit, miss, disabled] = gatewayTargets(caseName, gateways);
      const all: Target[] = [
        { server: 'constant', child: sameBytes, path, ...repeated },
        hit,
        { ...hit, server: 'parsedHit', hasOwnHeader: true },
        { ...hit, server: 'signedIn', child: withTokens },
        { server: 'redisGet', child: redisGet, path, ...repeated },
        { ...hit, server: 'redisHit', child: noMemory, cacheResult: 'HIT' },
        { server: 'client', child: client, path, ...varied, statements: isList ? 1 : 1 + GROUP_SIZE },
        { server: 'ownPool', child: ownPool, path, ...varied },
        { server: 'adapter', child: adapter, path, ...varied },
        miss,
        disabled,
      ];
      return all.filter(({ server }) => isMeasured(server, caseName));
    });
    await checkResponses(targets, responses);
    return { targets, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A gateway's settings, and a token that it accepts. */
async function withToken() {
  const secret = randomBytes(64).toString('base64');
  const [issuer, audience] = ['https://bench.example', 'crm'];
  const claims = { iss: issuer, aud: audience, sub: 'bench', scope: 'crm:read crm:pii' };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1 day')
    .sign(createSecretKey(Buffer.from(secret)));
  return {
    env: { AUTH_JWT_SECRET: secret, AUTH_JWT_ISSUER: issuer, AUTH_JWT_AUDIENCE: audience },
    headers: { authorization: `Bearer ${token}` },
  };
}

/** The gateway of one checkout, twice. */
export interface Gateways {
  readonly gateway: Child;
  readonly cacheOff: Child;
  /** To the repeated request of each case. */
  readonly responses: Responses;
}

/** Starts a checkout's gateway with and without its cache, and gets its response to each case. */
export async function startGateways(
  start: Start,
  options: { checkout?: Checkout; caseNames?: readonly CaseName[]; env?: Readonly<Record<string, string>> } = {},
): Promise<Gateways> {
  const { checkout, caseNames = CASE_NAMES, env = {} } = options;
  const cacheOff = await start('gateway', { checkout, env: { ...env, CACHE_ENABLED: 'false' } });
  const gateway = await start('gateway', { checkout, env });
  const responses: Responses = {};
  for (const name of caseNames) responses[name] = await requestOnce(cacheOff, '/graphql', name);
  return { gateway, cacheOff, responses };
}

/** The gateway's three lines of a case, of which some may not be measured. */
export function gatewayTargets(caseName: CaseName, { gateway, cacheOff }: Gateways): readonly [Target, Target, Target] {
  const { repeated, varied } = loadsOf(caseName);
  const path = '/graphql';
  return [
    { server: 'cached', child: gateway, path, ...repeated, cacheResult: 'NEAR' },
    { server: 'uncached', child: gateway, path, ...varied, cacheResult: 'MISS' },
    { server: 'cacheOff', child: cacheOff, path, ...varied },
  ];
}

const loadsOf = (caseName: CaseName) => ({
  repeated: { caseName, varied: false, statements: 0 },
  varied: { caseName, varied: true, statements: caseName === 'L' || caseName === 'LI' ? 1 : 2 },
});

type Start = (
  script: string,
  options?: Partial<Pick<ChildOptions, 'env' | 'headers' | 'checkout'> & Pick<Settings, 'responses'>>,
) => Promise<Child>;

/** Starts children that use the same servers, and ends them all. */
export function createStarter(
  { databaseUrl, redisUrl }: BenchServers,
  profile: string | undefined,
): { start: Start; stop: () => Promise<void> } {
  // Children of another checkout have another working folder.
  const nodeOptions = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`];
  const children: Child[] = [];
  return {
    async start(script, { responses = {}, ...options } = {}) {
      const child = await startChild(script, {
        settings: { databaseUrl, redisUrl, responses },
        nodeOptions,
        ...options,
      });
      children.push(child);
      return child;
    },
    stop: async () => void (await Promise.all(children.map((child) => child.stop()))),
  };
}

/** The text of a response to each case. */
export type Responses = Partial<Record<CaseName, string>>;

export const CASE_NAMES = ['L', 'LI', 'N10', 'N200'] as const satisfies readonly CaseName[];

/** @throws CliError when a server's response is not the one given for its case */
export async function checkResponses(targets: readonly Target[], responses: Responses): Promise<void> {
  for (const target of targets) {
    const { child, path, caseName } = target;
    const response: unknown = JSON.parse(await requestOnce(child, path, caseName));
    if (!isDeepStrictEqual(response, JSON.parse(responses[caseName] ?? '')))
      throw new CliError(`${nameOf(target)}: expected the response of the gateway without its cache, got another`);
  }
}
