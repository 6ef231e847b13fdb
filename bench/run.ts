import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { CASES } from './cases.ts';
import { startContestants, type Contestant } from './contestants.ts';
import { startBenchServers, type BenchServers } from './data.ts';
import { pageOf } from './page.ts';
import { gatesOf, linesOf, markdownOf, type Results } from './results.ts';
import { runRound, type Round } from './round.ts';

const TRIES = 10;
const HELP = `npm run bench -- [options]
  --rounds N       rounds of each line of the table (default 9)
  --seconds N      length of a round (default 0.5)
  --connections N  requests at once (default 32)
  --only NAMES     only lines of these questions (L, N10, N200) and servers (cached, uncached, adapter ...), separated
                   by commas; no verdict
  --quick          one short round: shows that everything runs; no verdict
  --profile DIR    have Node write a CPU profile of each gateway process there
  --write          write docs/benchmarks.md
Exit code 1 when a ratio is below its bound.`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    connections: { type: 'string', default: '32' },
    only: { type: 'string' },
    profile: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
// After some ten thousand requests V8 has compiled what it will.
const WARM_UP_ROUNDS = values.quick ? 1 : 3;
const report = (line: string): void => void process.stderr.write(`${line}\n`);

if (values.help) report(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const load = {
    rounds: positive('rounds', values.rounds ?? (values.quick ? '1' : '9')),
    seconds: positive('seconds', values.seconds ?? (values.quick ? '0.3' : '0.5')),
    connections: positive('connections', values.connections),
  };
  const servers = await startBenchServers(report);
  try {
    const { contestants, stop } = await startContestants(servers, values.profile);
    try {
      const chosen = values.only === undefined ? contestants : only(contestants, values.only.split(','));
      const results = await measure(chosen, servers, load);
      if (values.only !== undefined) {
        process.stdout.write(`${linesOf(results)}\n`);
        return 0;
      }
      const table = markdownOf(results);
      process.stdout.write(`${table}\n`);
      if (values.write)
        await writeFile(new URL('../docs/benchmarks.md', import.meta.url), pageOf(table, { ...servers, ...load }));
      return values.quick ? 0 : verdict(results);
    } finally {
      await stop();
    }
  } finally {
    await servers.stop();
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`--${name}: expected a number above 0, got "${text}"`);
}

function only(contestants: readonly Contestant[], names: readonly string[]): readonly Contestant[] {
  const questions = names.filter((name) => name in CASES);
  const servers = names.filter((name) => !(name in CASES));
  return contestants.filter(
    ({ who, question }) =>
      (questions.length === 0 || questions.includes(question)) && (servers.length === 0 || servers.includes(who)),
  );
}

interface LoadOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

/** All lines in turn, again and again: a machine that is slower for a while is so for all of them. */
async function measure(contestants: readonly Contestant[], servers: BenchServers, load: LoadOptions): Promise<Results> {
  const redis = new Redis(servers.redisUrl);
  const results = new Map<Contestant, Round[]>(contestants.map((contestant) => [contestant, []]));
  try {
    for (let turn = 1 - WARM_UP_ROUNDS; turn <= load.rounds; turn += 1) {
      report(turn < 1 ? 'Warming up' : `Round ${turn} of ${load.rounds}`);
      for (const [contestant, rounds] of results) {
        const run = (): Promise<Round> =>
          runRound({ ...contestant, ...load, countStatements: () => servers.statements() });
        if (turn < 1) await run();
        else rounds.push(await validRound(contestant, run));
        // What misses leave behind would fill Redis, and have it make room while others are measured.
        if (contestant.varied) await redis.flushdb();
      }
    }
  } finally {
    redis.disconnect();
  }
  return results;
}

/**
 * A round in which what was meant was measured: no uncached line that met the cache, no cached line that did without.
 * On a machine with other things to do a look-up can take longer than it may, so a round gets several tries.
 */
async function validRound(contestant: Contestant, run: () => Promise<Round>): Promise<Round> {
  const { who, question, statements, varied, cacheResult } = contestant;
  const allowed = varied ? 0.1 : 0.01;
  for (let attempt = 1; ; attempt += 1) {
    const round = await run();
    const isExact = Math.abs(round.statements - statements) <= allowed * Math.max(1, statements);
    if (isExact && (cacheResult === undefined || (round.cacheResults[cacheResult] ?? 0) > 0.98)) return round;
    const came = `${round.statements.toFixed(3)} statements a request, ${JSON.stringify(round.cacheResults)}`;
    const message = `${who} ${question}: expected ${statements} statements a request and ${cacheResult}, got ${came}`;
    if (attempt === TRIES) throw new Error(message);
    report(`Again: ${message}`);
  }
}

function verdict(results: Results): number {
  const missed = gatesOf(results).filter(({ ratio, bound }) => ratio < bound);
  for (const { title, ratio, bound } of missed) report(`Missed: ${title}: ${ratio.toFixed(2)}, must be ${bound}`);
  if (missed.length === 0) report('Every ratio holds.');
  return missed.length === 0 ? 0 : 1;
}
