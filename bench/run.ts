import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CliError } from '../src/cli-error.ts';
import { startPairs } from './beside.ts';
import { changesOf, changesTable, changesVerdict } from './beside-results.ts';
import { CASES, type CaseName } from './cases.ts';
import { parseCheckout, type Checkout } from './checkout.ts';
import { GATEWAY_SERVERS, isMeasured, startTargets, SERVER_LABELS, type Target, type ServerName } from './targets.ts';
import { startBenchServers, type BenchServers } from './data.ts';
import { measure, type LoadOptions } from './measure.ts';
import { pageOf } from './page.ts';
import { gatesOf, linesOf, markdownOf, verdictOf } from './results.ts';

const HELP = `npm run bench -- [options]
  --rounds N       rounds of each line of the table (default 9)
  --seconds N      length of a round (default 0.5)
  --connections N  concurrent requests (default 32)
  --only NAMES     only lines of these cases (L, N10, N200) and servers (cached, uncached, adapter ...), separated
                   by commas; minimum ratios are not checked
  --beside FOLDER  only the gateway's lines, each next to that of another checkout of this repository: whether a
                   change made one slower; always checked, except with --quick
  --quick          one short round, to check that everything runs; its figures mean nothing
  --profile DIR    write a CPU profile of each server process to this folder
  --write          write docs/benchmarks.md
Exit code: 1 if a ratio is below its minimum (with --beside: if a line is certainly slower), or for another error,
which is printed; 64 for wrong options; 75 if the machine is too busy to measure.`;

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
        beside: { type: 'string' },
        profile: { type: 'string' },
        quick: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.quick && values.write) throw new TypeError('Expected --write without --quick, got both');
    if (values.beside !== undefined && values.write) throw new TypeError('Expected --write without --beside, got both');
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

type Options = ReturnType<typeof parseOptions>;

/** What a run measures, and with how much load. */
interface Plan {
  readonly options: Options;
  readonly servers: BenchServers;
  readonly isChosen: (line: Line) => boolean;
  readonly load: LoadOptions;
}

async function main(options: Options): Promise<number> {
  // Before anything is started.
  const load = loadOf(options);
  const other = options.beside === undefined ? undefined : parseCheckout(options.beside);
  const names = other === undefined ? (Object.keys(SERVER_LABELS) as ServerName[]) : GATEWAY_SERVERS;
  const isChosen = options.only === undefined ? () => true : parseOnly(options.only, names);
  const servers = await startBenchServers(report);
  const plan = { options, servers, isChosen, load };
  try {
    return await (other === undefined ? compareServers(plan) : compareCheckouts(plan, other));
  } finally {
    await servers.stop();
  }
}

/** Measures the gateway and the servers that it is compared with; returns the exit code. */
async function compareServers({ options, servers, isChosen, load }: Plan): Promise<number> {
  const { targets, stop } = await startTargets(servers, options.profile);
  try {
    const results = await measure(targets.filter(isChosen), servers, load);
    if (options.only !== undefined) {
      process.stdout.write(`${linesOf(results)}\n`);
      return 0;
    }
    const table = markdownOf(results);
    process.stdout.write(`${table}\n`);
    if (options.write)
      await writeFile(new URL('../docs/benchmarks.md', import.meta.url), pageOf(table, { ...servers, ...load }));
    return options.quick ? 0 : reported(verdictOf(gatesOf(results)));
  } finally {
    await stop();
  }
}

/** Measures the gateway of another checkout and of this one; returns the exit code. */
async function compareCheckouts({ options, servers, isChosen, load }: Plan, other: Checkout): Promise<number> {
  const { pairs, notes, stop } = await startPairs(servers, { other, isChosen, profile: options.profile });
  try {
    const targets = pairs.flatMap(({ before, after }) => [before, after]);
    const results = await measure(targets, servers, { ...load, isAlternating: true });
    const changes = changesOf(results, pairs);
    process.stdout.write(`${[...notes, '', changesTable(changes)].join('\n')}\n`);
    return options.quick ? 0 : reported(changesVerdict(changes));
  } finally {
    await stop();
  }
}

function reported({ lines, exitCode }: { lines: readonly string[]; exitCode: number }): number {
  for (const line of lines) report(line);
  return exitCode;
}

function loadOf({ quick, rounds, seconds, connections }: Options): LoadOptions {
  return {
    // After about ten thousand requests, V8 has compiled everything that it will.
    warmUpRounds: quick ? 1 : 3,
    rounds: positive('rounds', rounds ?? (quick ? '1' : '9')),
    seconds: positive('seconds', seconds ?? (quick ? '0.3' : '0.5')),
    connections: positive('connections', connections),
    tries: quick ? 3 : 10,
    isStrict: !quick,
    report,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new CliError(`--${name}: expected a number above 0, got "${text}"`, { exitCode: USAGE_EXIT_CODE });
}

type Line = Pick<Target, 'server' | 'caseName'>;

/**
 * The lines selected by --only.
 * @param servers those that are measured
 * @throws CliError (exit code 64) for unknown names, and for names that no line combines
 */
function parseOnly(text: string, servers: readonly ServerName[]): (line: Line) => boolean {
  const cases = Object.keys(CASES) as CaseName[];
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
