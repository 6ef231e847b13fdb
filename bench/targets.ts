import { isDeepStrictEqual } from 'node:util';
import { CliError } from '../src/cli-error.ts';
import { GROUP_SIZE, type CaseName } from './cases.ts';
import { startChild, type Child } from './children.ts';
import type { BenchServers } from './data.ts';
import { requestOnce } from './round.ts';

/** A server and a case: one line of the table. */
export interface Target {
  readonly server: ServerName;
  readonly caseName: CaseName;
  readonly child: Child;
  readonly path: string;
  /** Whether every request is different. */
  readonly varied: boolean;
  /** How many SELECT statements one request takes; any other number means that something unintended was measured. */
  readonly statements: number;
  /** The result that the gateway's cache must report for nearly every request. */
  readonly cacheResult?: 'HIT' | 'MISS';
}

/** The name of every server in the tables. */
export const SERVER_LABELS = {
  constant: 'plain node:http server, response kept in memory',
  redisGet: 'plain node:http server, response read from Redis',
  cached: 'gateway, cache hit',
  client: 'plain node:http server, Prisma Client `findMany`',
  adapter: "plain node:http server, gateway's SQL by Prisma's driver adapter",
  ownPool: "plain node:http server, gateway's SQL by `src/db`",
  uncached: 'gateway, cache miss',
  cacheOff: 'gateway, cache disabled',
} as const;

export type ServerName = keyof typeof SERVER_LABELS;

const FROM_CACHE: ReadonlySet<ServerName> = new Set(['constant', 'redisGet', 'cached']);

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
 * @param profile the folder for CPU profiles of the gateway processes; undefined for none
 */
export async function startTargets(
  servers: BenchServers,
  profile: string | undefined,
): Promise<{ targets: readonly Target[]; stop: () => Promise<void> }> {
  const { databaseUrl, redisUrl } = servers;
  const children: Child[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(children.map((child) => child.stop())));
  const start = async (script: string, responses: Responses = {}, env: Record<string, string> = {}): Promise<Child> => {
    const child = await startChild(script, {
      settings: { databaseUrl, redisUrl, responses },
      env,
      nodeOptions: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
    });
    children.push(child);
    return child;
  };
  try {
    const cacheOff = await start('gateway', {}, { CACHE_ENABLED: 'false' });
    const responses: Responses = {};
    for (const name of CASE_NAMES) responses[name] = await requestOnce(cacheOff, '/graphql', name);
    const sameBytes = await start('constant', responses);
    const redisGet = await start('redis-get', responses);
    const gateway = await start('gateway');
    const client = await start('prisma-client');
    const adapter = await start('driver-adapter');
    const ownPool = await start('driver-adapter', {}, { BENCH_POOL: 'own' });
    const targets = CASE_NAMES.flatMap((caseName): Target[] => {
      const repeated = { caseName, varied: false, statements: 0 };
      const isList = caseName === 'L' || caseName === 'LI';
      const varied = { caseName, varied: true, statements: isList ? 1 : 2 };
      const path = `/${caseName}`;
      const all: Target[] = [
        { server: 'constant', child: sameBytes, path, ...repeated },
        { server: 'redisGet', child: redisGet, path, ...repeated },
        { server: 'cached', child: gateway, path: '/graphql', ...repeated, cacheResult: 'HIT' },
        { server: 'client', child: client, path, ...varied, statements: isList ? 1 : 1 + GROUP_SIZE },
        { server: 'ownPool', child: ownPool, path, ...varied },
        { server: 'adapter', child: adapter, path, ...varied },
        { server: 'uncached', child: gateway, path: '/graphql', ...varied, cacheResult: 'MISS' },
        { server: 'cacheOff', child: cacheOff, path: '/graphql', ...varied },
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

type Responses = Partial<Record<CaseName, string>>;

const CASE_NAMES = ['L', 'LI', 'N10', 'N200'] as const satisfies readonly CaseName[];

async function checkResponses(targets: readonly Target[], responses: Responses): Promise<void> {
  for (const { child, path, caseName, server } of targets) {
    const response: unknown = JSON.parse(await requestOnce(child, path, caseName));
    if (!isDeepStrictEqual(response, JSON.parse(responses[caseName] ?? '')))
      throw new CliError(`${server}: expected the gateway's response to ${caseName}, got another`);
  }
}
