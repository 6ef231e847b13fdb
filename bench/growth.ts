import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CliError, EXIT } from '../src/cli-error.ts';
import { measureGrowth } from './growth/measure.ts';
import { growthPage, growthTable } from './growth/page.ts';
import { growthPlot } from './growth/plot.ts';
import { QUESTIONS } from './growth/questions.ts';
import { growthOf } from './growth/verdict.ts';

const HELP = `npm run bench:growth -- [options]
  --customers LIST  sizes of the database, from small to large (default 10000,100000,1000000); each customer has ten orders
  --requests N      requests for each question and size in a round (default 300)
  --rounds N        rounds, of which the median counts (default 3)
  --connections N   requests at the same time (default 4)
  --only TEXT       only questions whose name has this in it; nothing is checked
  --write           write docs/growth.md and docs/growth.svg
Asks the same of a small and a large database, without a cache, and counts rows and time. Databases are kept in .data/growth: a
million customers are 12 GB and take half an hour to write. Exits with 1 if a question reads more rows of the largest than of
the smallest, or takes more than 1.5 times as long; with 64 for wrong options.`;

const report = (line: string): void => void process.stderr.write(`${line}\n`);

const isCount = (number: number): boolean => Number.isSafeInteger(number) && number > 0;

function wholeNumber(name: string, text: string): number {
  if (isCount(Number(text))) return Number(text);
  throw new CliError(`--${name}: expected a whole number above 0, got "${text}"`, { exitCode: EXIT.usage });
}

/** From small to large, since the first is compared with the last. */
function sizesOf(text: string): number[] {
  const sizes = text.split(',').map(Number);
  if (sizes.every((size, i) => isCount(size) && size > (sizes[i - 1] ?? 0))) return sizes;
  throw new CliError(`--customers: expected whole numbers above 0, from small to large, got "${text}"`, {
    exitCode: EXIT.usage,
  });
}

const string = (fallback: string) => ({ type: 'string', default: fallback }) as const;

function parseOptions() {
  try {
    const { values } = parseArgs({
      options: {
        customers: string('10000,100000,1000000'),
        requests: string('300'),
        rounds: string('3'),
        connections: string('4'),
        only: string(''),
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CliError(`${error.message}; see --help`, { exitCode: EXIT.usage, cause: error });
  }
}

async function main(): Promise<number> {
  const { only, write, help, ...given } = parseOptions();
  if (help) {
    report(HELP);
    return 0;
  }
  const load = {
    requests: wholeNumber('requests', given.requests),
    rounds: wholeNumber('rounds', given.rounds),
    connections: wholeNumber('connections', given.connections),
  };
  const questions = QUESTIONS.filter(({ name }) => name.includes(only));
  const { results, version } = await measureGrowth(questions, {
    ...load,
    sizes: sizesOf(given.customers),
    report,
  });
  process.stdout.write(`${growthTable(results)}\n`);
  if (write) {
    await writeFile(new URL('../docs/growth.md', import.meta.url), growthPage(results, { ...load, version }));
    await writeFile(new URL('../docs/growth.svg', import.meta.url), growthPlot(results));
  }
  const found = only === '' ? growthOf(results) : [];
  for (const line of found) report(line);
  return found.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof CliError)) throw error;
  report(error.message);
  process.exitCode = error.exitCode;
}
