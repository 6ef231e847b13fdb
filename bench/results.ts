import { CASES, type CaseName } from './cases.ts';
import { SERVER_LABELS, type Target, type ServerName } from './targets.ts';
import type { Round } from './round.ts';

/** The rounds of each line of the tables, in the order they were run. */
export type Results = ReadonlyMap<Target, readonly Round[]>;

/** Two lines of the tables, compared. */
interface Comparison {
  readonly title: string;
  /** More is better: see `Figure`. */
  readonly ratio: number;
}

/** What is compared: requests per second of the first, divided by those of the second; or time of the second, divided by that of the first. */
type Figure = keyof typeof FIGURES;

const FIGURES = {
  requestsPerSecond: '',
  cpuMs: ', CPU time',
  p99Ms: ', 99th percentile',
} as const;

/** A comparison that decides whether the benchmark passes. */
export interface Gate extends Comparison {
  readonly minimum: number;
}

/** The middle one, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1] ?? Number.NaN, sorted[middle] ?? Number.NaN];
  return sorted.length % 2 === 0 ? (low + high) / 2 : high;
}

type Line = readonly [ServerName, CaseName];

/**
 * The ratios of two lines, of rounds that were run one after the other, so that other load on the machine affects both. The ratio of
 * the lines is their median.
 */
export const ratiosOf = (
  of: readonly Round[],
  to: readonly Round[],
  figure: Figure = 'requestsPerSecond',
): readonly number[] =>
  of.map((round, i) => {
    const ratio = round[figure] / (to[i]?.[figure] ?? Number.NaN);
    return figure === 'requestsPerSecond' ? ratio : 1 / ratio;
  });

function roundsOf(results: Results, [server, caseName]: Line): readonly Round[] {
  for (const [target, rounds] of results) if (target.server === server && target.caseName === caseName) return rounds;
  throw new Error(`expected rounds of ${server} with ${caseName}, got none`);
}

function compare(results: Results, [of, to]: readonly [Line, Line], figure: Figure = 'requestsPerSecond'): Comparison {
  const [server, caseName] = of;
  const [otherServer, otherCase] = to;
  const title =
    caseName === otherCase
      ? `${caseName}${FIGURES[figure]}: ${SERVER_LABELS[server]} ÷ ${SERVER_LABELS[otherServer]}`
      : `${SERVER_LABELS[server]}: ${caseName} ÷ ${otherCase}`;
  return { title, ratio: median(ratiosOf(roundsOf(results, of), roundsOf(results, to), figure)) };
}

/** The comparisons that have a minimum. */
export function gatesOf(results: Results): readonly Gate[] {
  const gate = (minimum: number, lines: readonly [Line, Line], figure?: Figure): Gate => ({
    ...compare(results, lines, figure),
    minimum,
  });
  return [
    ...(['L', 'N10'] as const).flatMap((name) => [
      gate(0.7, [
        ['cached', name],
        ['constant', name],
      ]),
      gate(
        0.5,
        [
          ['cached', name],
          ['constant', name],
        ],
        'p99Ms',
      ),
      gate(0.9, [
        ['signedIn', name],
        ['cached', name],
      ]),
      gate(0.8, [
        ['redisHit', name],
        ['redisGet', name],
      ]),
      gate(
        0.5,
        [
          ['redisHit', name],
          ['redisGet', name],
        ],
        'p99Ms',
      ),
      gate(
        0.91,
        [
          ['uncached', name],
          ['cacheOff', name],
        ],
        'cpuMs',
      ),
    ]),
    gate(0.8, [
      ['uncached', 'L'],
      ['adapter', 'L'],
    ]),
    gate(0.5, [
      ['uncached', 'N200'],
      ['uncached', 'N10'],
    ]),
    gate(0.9, [
      ['cacheOff', 'LI'],
      ['cacheOff', 'L'],
    ]),
    gate(5, [
      ['cached', 'L'],
      ['uncached', 'L'],
    ]),
    gate(5, [
      ['cached', 'N10'],
      ['uncached', 'N10'],
    ]),
  ];
}

/** The verdict on the gates: a line for each that fails, and the exit code. NaN fails. */
export function verdictOf(gates: readonly Gate[]): { lines: readonly string[]; exitCode: 0 | 1 } {
  const failed = gates.filter(({ ratio, minimum }) => !(ratio >= minimum));
  if (failed.length === 0) return { lines: ['Every ratio reaches its minimum.'], exitCode: 0 };
  const lines = failed.map(
    ({ title, ratio, minimum }) => `${title}: expected a ratio of at least ${minimum}, got ${ratio.toFixed(2)}`,
  );
  return { lines, exitCode: 1 };
}

/** Comparisons without a minimum, for information. */
const comparisonsOf = (results: Results): readonly Comparison[] => [
  compare(results, [
    ['parsedHit', 'L'],
    ['constant', 'L'],
  ]),
  compare(results, [
    ['uncached', 'L'],
    ['client', 'L'],
  ]),
  compare(results, [
    ['uncached', 'L'],
    ['ownPool', 'L'],
  ]),
  compare(results, [
    ['cacheOff', 'L'],
    ['adapter', 'L'],
  ]),
  compare(results, [
    ['uncached', 'N10'],
    ['adapter', 'N10'],
  ]),
  compare(results, [
    ['uncached', 'N200'],
    ['adapter', 'N200'],
  ]),
  compare(results, [
    ['uncached', 'N200'],
    ['client', 'N200'],
  ]),
];

/** All results as Markdown. */
export function markdownOf(results: Results): string {
  const parts = Object.values(CASES).map(({ name, title }) => {
    const lines = [...results].filter(([target]) => target.caseName === name);
    return [
      `### ${name}: ${title}`,
      '',
      '| server | requests per second | median latency (ms) | 99th percentile (ms) | CPU time per request (ms) | SELECTs per request |',
      '| --- | ---: | ---: | ---: | ---: | ---: |',
      ...lines.map(([{ server }, rounds]) => line(SERVER_LABELS[server], rounds)),
      '',
    ].join('\n');
  });
  const comparisons = [
    '### Comparisons',
    '',
    'Each is the requests per second of one line divided by those of another; for times, it is the other way round, so that more is better.',
    '',
    '| comparison | ratio | minimum |',
    '| --- | ---: | ---: |',
    ...gatesOf(results).map(({ title, ratio, minimum }) => `| ${title} | ${ratio.toFixed(2)} | ${minimum} |`),
    ...comparisonsOf(results).map(({ title, ratio }) => `| ${title} | ${ratio.toFixed(2)} | |`),
    '',
  ].join('\n');
  return [...parts, comparisons].join('\n');
}

/** The lines of the tables alone. */
export function linesOf(results: Results): string {
  return [...results]
    .map(([{ server, caseName }, rounds]) => line(`${caseName} ${SERVER_LABELS[server]}`, rounds))
    .join('\n');
}

function line(title: string, rounds: readonly Round[]): string {
  const of = (field: Exclude<keyof Round, 'cacheResults'>): number => median(rounds.map((round) => round[field]));
  const perSecond = Math.round(of('requestsPerSecond')).toLocaleString('en');
  const figures = [of('p50Ms').toFixed(2), of('p99Ms').toFixed(2), of('cpuMs').toFixed(3), of('statements').toFixed(1)];
  return `| ${title} | ${perSecond} | ${figures.join(' | ')} |`;
}
