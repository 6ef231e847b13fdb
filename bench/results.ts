import { CASES, type CaseName } from './cases.ts';
import { WHO, type Contestant, type Who } from './contestants.ts';
import type { Round } from './round.ts';

/** The rounds of every line, in the order they were run. */
export type Results = ReadonlyMap<Contestant, readonly Round[]>;

/** A ratio that must hold. */
export interface Gate {
  readonly title: string;
  readonly bound: number;
  readonly ratio: number;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1] ?? Number.NaN, sorted[middle] ?? Number.NaN];
  return sorted.length % 2 === 0 ? (low + high) / 2 : high;
}

type Line = readonly [Who, CaseName];

/**
 * The ratio of two lines' requests per second: the median over rounds that were run one after the other, so that other load on
 * the machine affects both.
 */
function ratioOf(results: Results, of: Line, to: Line): number {
  const [above, below] = [roundsOf(results, of), roundsOf(results, to)];
  return median(above.map((round, i) => round.requestsPerSecond / (below[i]?.requestsPerSecond ?? Number.NaN)));
}

function roundsOf(results: Results, [who, question]: Line): readonly Round[] {
  for (const [contestant, rounds] of results)
    if (contestant.who === who && contestant.question === question) return rounds;
  throw new Error(`${who} was not asked ${question}`);
}

/** The ratios that the gateway must reach. */
export function gatesOf(results: Results): readonly Gate[] {
  const gate = (title: string, bound: number, [of, to]: readonly [Line, Line]): Gate => ({
    title,
    bound,
    ratio: ratioOf(results, of, to),
  });
  return [
    gate(
      "L uncached, beside the bare handler that makes the same call through Prisma's adapter with its defaults",
      0.8,
      [
        ['uncached', 'L'],
        ['adapter', 'L'],
      ],
    ),
    gate('N200 uncached, beside N10 uncached', 0.5, [
      ['uncached', 'N200'],
      ['uncached', 'N10'],
    ]),
    gate('L with `@include`, beside L without, the cache off', 0.9, [
      ['cacheOff', 'LI'],
      ['cacheOff', 'L'],
    ]),
    gate('L cached, beside L uncached', 5, [
      ['cached', 'L'],
      ['uncached', 'L'],
    ]),
    gate('N10 cached, beside N10 uncached', 5, [
      ['cached', 'N10'],
      ['uncached', 'N10'],
    ]),
  ];
}

/** The verdict on the ratios: a line for each that misses its bound, and the exit code. NaN counts as a miss. */
export function verdictOf(gates: readonly Gate[]): { lines: readonly string[]; exitCode: 0 | 1 } {
  const missed = gates.filter(({ ratio, bound }) => !(ratio >= bound));
  if (missed.length === 0) return { lines: ['Every ratio holds.'], exitCode: 0 };
  const lines = missed.map(({ title, ratio, bound }) => `Missed: ${title}: ${ratio.toFixed(2)}, must be ${bound}`);
  return { lines, exitCode: 1 };
}

/** Interesting ratios without a bound. */
function comparisonsOf(results: Results): readonly Omit<Gate, 'bound'>[] {
  const compare = (title: string, of: Line, to: Line) => ({ title, ratio: ratioOf(results, of, to) });
  return [
    compare('L uncached, beside Prisma Client', ['uncached', 'L'], ['client', 'L']),
    compare("L uncached, beside the same call through the gateway's own `src/db`", ['uncached', 'L'], ['ownPool', 'L']),
    compare('L with the cache off, beside the driver adapter call', ['cacheOff', 'L'], ['adapter', 'L']),
    compare('N10 uncached, beside the driver adapter calls', ['uncached', 'N10'], ['adapter', 'N10']),
    compare('N200 uncached, beside the driver adapter calls', ['uncached', 'N200'], ['adapter', 'N200']),
    compare('N200 uncached, beside Prisma Client', ['uncached', 'N200'], ['client', 'N200']),
    compare('L cached, beside one ioredis GET', ['cached', 'L'], ['redisGet', 'L']),
    compare('N10 cached, beside one ioredis GET', ['cached', 'N10'], ['redisGet', 'N10']),
  ];
}

/** All results as Markdown. */
export function markdownOf(results: Results): string {
  const parts = Object.values(CASES).map(({ name, title }) => {
    const lines = [...results].filter(([contestant]) => contestant.question === name);
    return [
      `### ${name}: ${title}`,
      '',
      '| server | requests/s | p50 ms | p99 ms | CPU ms/request | SQL statements/request |',
      '| --- | ---: | ---: | ---: | ---: | ---: |',
      ...lines.map(([{ who }, rounds]) => line(WHO[who], rounds)),
      '',
    ].join('\n');
  });
  const ratios = [
    '### Ratios of requests a second',
    '',
    '| what | ratio | must be at least |',
    '| --- | ---: | ---: |',
    ...gatesOf(results).map(({ title, ratio, bound }) => `| ${title} | ${ratio.toFixed(2)} | ${bound} |`),
    ...comparisonsOf(results).map(({ title, ratio }) => `| ${title} | ${ratio.toFixed(2)} | |`),
    '',
  ].join('\n');
  return [...parts, ratios].join('\n');
}

/** The lines without ratios. */
export function linesOf(results: Results): string {
  return [...results].map(([{ who, question }, rounds]) => line(`${question} ${WHO[who]}`, rounds)).join('\n');
}

function line(title: string, rounds: readonly Round[]): string {
  const of = (field: Exclude<keyof Round, 'cacheResults'>): number => median(rounds.map((round) => round[field]));
  const perSecond = Math.round(of('requestsPerSecond')).toLocaleString('en');
  const figures = [of('p50Ms').toFixed(2), of('p99Ms').toFixed(2), of('cpuMs').toFixed(3), of('statements').toFixed(1)];
  return `| ${title} | ${perSecond} | ${figures.join(' | ')} |`;
}
