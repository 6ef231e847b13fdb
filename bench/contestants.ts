import { isDeepStrictEqual } from 'node:util';
import { CliError } from '../src/cli-error.ts';
import { GROUP_SIZE, type CaseName } from './cases.ts';
import { startChild, type Child } from './children.ts';
import type { BenchServers } from './data.ts';
import { ask } from './round.ts';

/** A server and a question: one line of the table. */
export interface Contestant {
  readonly who: Who;
  readonly question: CaseName;
  readonly child: Child;
  readonly path: string;
  /** Whether every request is new. */
  readonly varied: boolean;
  /** How many SELECT statements one request takes; any other number means that something unintended was measured. */
  readonly statements: number;
  /** The result that the gateway's cache must report for nearly every request. */
  readonly cacheResult?: 'HIT' | 'MISS';
}

/** Every kind of line, with its name in the table. */
export const WHO = {
  constant: 'bare node:http, the same bytes',
  redisGet: 'bare node:http + one ioredis GET of the same bytes',
  cached: 'gateway, cached',
  client: 'bare node:http + Prisma Client `findMany`',
  adapter: 'bare node:http + the Prisma driver adapter call that the gateway makes',
  ownPool: "the same call through the gateway's own `src/db`",
  uncached: 'gateway, cache on, every request a miss',
  cacheOff: 'gateway, cache off',
} as const;

export type Who = keyof typeof WHO;

const KEPT: ReadonlySet<Who> = new Set(['constant', 'redisGet', 'cached']);

/** The servers that parse and execute documents; the others take the question from the path. */
const EXECUTES: ReadonlySet<Who> = new Set(['uncached', 'cacheOff']);

/**
 * Whether there is a line of this server for this question. From a cache, N200's answers would only differ from N10's in names.
 */
export const isAsked = (who: Who, question: CaseName): boolean =>
  question === 'LI' ? EXECUTES.has(who) : question !== 'N200' || !KEPT.has(who);

/**
 * Starts every server in its own process and checks that they all give the same answers.
 * @param profile the folder for CPU profiles of the gateway processes; undefined for none
 */
export async function startContestants(
  servers: BenchServers,
  profile: string | undefined,
): Promise<{ contestants: readonly Contestant[]; stop: () => Promise<void> }> {
  const { databaseUrl, redisUrl } = servers;
  const children: Child[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(children.map((child) => child.stop())));
  const start = async (script: string, answers: Answers = {}, env: Record<string, string> = {}): Promise<Child> => {
    const child = await startChild(script, {
      settings: { databaseUrl, redisUrl, answers },
      env,
      nodeOptions: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
    });
    children.push(child);
    return child;
  };
  try {
    const cacheOff = await start('gateway', {}, { CACHE_ENABLED: 'false' });
    const answers: Answers = {};
    for (const name of QUESTIONS) answers[name] = await ask(cacheOff, '/graphql', name);
    const sameBytes = await start('constant', answers);
    const redisGet = await start('redis-get', answers);
    const gateway = await start('gateway');
    const client = await start('prisma-client');
    const adapter = await start('driver-adapter');
    const ownPool = await start('driver-adapter', {}, { BENCH_POOL: 'own' });
    const contestants = QUESTIONS.flatMap((question): Contestant[] => {
      const repeated = { question, varied: false, statements: 0 };
      const isList = question === 'L' || question === 'LI';
      const varied = { question, varied: true, statements: isList ? 1 : 2 };
      const path = `/${question}`;
      const all: Contestant[] = [
        { who: 'constant', child: sameBytes, path, ...repeated },
        { who: 'redisGet', child: redisGet, path, ...repeated },
        { who: 'cached', child: gateway, path: '/graphql', ...repeated, cacheResult: 'HIT' },
        { who: 'client', child: client, path, ...varied, statements: isList ? 1 : 1 + GROUP_SIZE },
        { who: 'ownPool', child: ownPool, path, ...varied },
        { who: 'adapter', child: adapter, path, ...varied },
        { who: 'uncached', child: gateway, path: '/graphql', ...varied, cacheResult: 'MISS' },
        { who: 'cacheOff', child: cacheOff, path: '/graphql', ...varied },
      ];
      return all.filter(({ who }) => isAsked(who, question));
    });
    await checkAnswers(contestants, answers);
    return { contestants, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Answers = Partial<Record<CaseName, string>>;

const QUESTIONS = ['L', 'LI', 'N10', 'N200'] as const satisfies readonly CaseName[];

async function checkAnswers(contestants: readonly Contestant[], answers: Answers): Promise<void> {
  for (const { child, path, question, who } of contestants) {
    const answer: unknown = JSON.parse(await ask(child, path, question));
    if (!isDeepStrictEqual(answer, JSON.parse(answers[question] ?? '')))
      throw new CliError(`${who} gives another answer to ${question} than the gateway`);
  }
}
