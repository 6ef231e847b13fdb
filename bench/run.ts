import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { CliError } from '../src/cli-error.ts';
import { CASES, type CaseName } from './cases.ts';
import { isMeasured, startTargets, SERVER_LABELS, type Target, type ServerName } from './targets.ts';
import { startBenchServers, type BenchServers } from './data.ts';
import { pageOf } from './page.ts';
import { gatesOf, linesOf, markdownOf, verdictOf, type Results } from './results.ts';
import { runRound, type Round } from './round.ts';
import { validRound } from './valid-round.ts';

const HELP = `npm run bench -- [options]
  --rounds N       rounds of each line of the table (default 9)
  --seconds N      length of a round (default 0.5)
  --connections N  concurrent requests (default 32)
  --only NAMES     only lines of these cases (L, N10, N200) and servers (cached, uncached, adapter ...), separated
                   by commas; minimum ratios are not checked
  --quick          one short round, to check that everything runs; its figures mean nothing
  --profile DIR    write a CPU profile of each server process to this folder
  --write          write docs/benchmarks.md
Exit code: 1 if a ratio is below its minimum, or for another error, which is printed; 64 for wrong options; 75 if the
machine is too busy to measure.`;

// From sysexits.h.
const USAGE_EXIT_CODE = 64;
const SOFTWARE_EXIT_CODE = 70;

const report = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  const options = parseOptions();
  if (options.help) report(HELP);
  else process.exitCode = await main(options);
} catch (error) {
  process.exitCode = explain(error);
}

function parseOptions() {
  try {
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
    if (values.quick && values.write) throw new TypeError('Expected --write without --quick, got both');
    return values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CliError(`${error.message}; see --help`, { exitCode: USAGE_EXIT_CODE, cause: error });
  }
}

/** Reports an error in one line; returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof CliError) {
    report(error.message);
    return error.exitCode;
  }
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  report(`Unexpected: ${message} ${/\n +(at .*)/.exec(stack)?.[1] ?? ''}`);
  return SOFTWARE_EXIT_CODE;
}

async function main(values: ReturnType<typeof parseOptions>): Promise<number> {
  const load = {
    // After about ten thousand requests, V8 has compiled everything that it will.
    warmUpRounds: values.quick ? 1 : 3,
    rounds: positive('rounds', values.rounds ?? (values.quick ? '1' : '9')),
    seconds: positive('seconds', values.seconds ?? (values.quick ? '0.3' : '0.5')),
    connections: positive('connections', values.connections),
    tries: values.quick ? 3 : 10,
    isStrict: !values.quick,
  };
  // Before anything is started.
  const isChosen = values.only === undefined ? () => true : parseOnly(values.only);
  const servers = await startBenchServers(report);
  try {
    const { targets, stop } = await startTargets(servers, values.profile);
    try {
      const results = await measure(targets.filter(isChosen), servers, load);
      if (values.only !== undefined) {
        process.stdout.write(`${linesOf(results)}\n`);
        return 0;
      }
      const table = markdownOf(results);
      process.stdout.write(`${table}\n`);
      if (values.write)
        await writeFile(new URL('../docs/benchmarks.md', import.meta.url), pageOf(table, { ...servers, ...load }));
      if (values.quick) return 0;
      const { lines, exitCode } = verdictOf(gatesOf(results));
      for (const line of lines) report(line);
      return exitCode;
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
  throw new CliError(`--${name}: expected a number above 0, got "${text}"`, { exitCode: USAGE_EXIT_CODE });
}

type Line = Pick<Target, 'server' | 'caseName'>;

/**
 * The lines selected by --only.
 * @throws CliError (exit code 64) for unknown names, and for names that no line combines
 */
function parseOnly(text: string): (line: Line) => boolean {
  const cases = Object.keys(CASES) as CaseName[];
  const servers = Object.keys(SERVER_LABELS) as ServerName[];
  const names = text.split(',').map((name) => name.trim());
  const known: readonly string[] = [...cases, ...servers];
  const expected = `--only: expected some of ${known.join(', ')}`;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new CliError(`${expected}, got "${unknown}"`, { exitCode: USAGE_EXIT_CODE });
  const chosen = <T extends string>(all: readonly T[]): readonly T[] => {
    const named = all.filter((name) => names.includes(name));
    return named.length === 0 ? all : named;
  };
  const [chosenCases, chosenServers] = [chosen(cases), chosen(servers)];
  if (!chosenCases.some((caseName) => chosenServers.some((server) => isMeasured(server, caseName))))
    throw new CliError(`${expected} that have a line together, got "${text}"`, { exitCode: USAGE_EXIT_CODE });
  return ({ server, caseName }) => chosenCases.includes(caseName) && chosenServers.includes(server);
}

interface LoadOptions {
  readonly warmUpRounds: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly tries: number;
  readonly isStrict: boolean;
}

/** Measures all lines in turn, again and again, so that a temporarily slower machine affects all of them. */
async function measure(targets: readonly Target[], servers: BenchServers, load: LoadOptions): Promise<Results> {
  const redis = new Redis(servers.redisUrl);
  const results = new Map<Target, Round[]>(targets.map((target) => [target, []]));
  try {
    for (let turn = 1 - load.warmUpRounds; turn <= load.rounds; turn += 1) {
      report(turn < 1 ? 'Warming up' : `Round ${turn} of ${load.rounds}`);
      for (const [target, rounds] of results) {
        const run = (): Promise<Round> => runRound({ ...target, ...load, countStatements: () => servers.statements() });
        if (turn < 1) await run();
        else rounds.push(await validRound(target, run, { ...load, report }));
        // Otherwise the responses of the misses would fill Redis and cause evictions while others are measured.
        if (target.varied) await redis.flushdb();
      }
    }
  } finally {
    redis.disconnect();
  }
  return results;
}
