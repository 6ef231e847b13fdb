import type { Figures } from './measure.ts';
import type { Question } from './questions.ts';

export type GrowthResults = ReadonlyMap<Question, readonly Figures[]>;

/** How many times as long as with the smallest database a request may take with the largest, at the 99th percentile. */
export const MAX_RATIO = 1.5;
/** How long a selective search may take at the 99th percentile. */
export const MAX_SEARCH_MS = 50;
/** Below this, the time of a request is that of the gateway, the client and chance. */
const LEAST_MS = 2;
/** The questions' samples are other rows in each database. A row more or less is that of another customer's tags or orders. */
const MORE_ROWS = 1.1;
const FEW_ROWS = 5;

/** What grows with the tables: a line for each. */
export function growthOf(results: GrowthResults): string[] {
  return [...results].flatMap(([question, figures]) => {
    const [small, large] = [figures[0], figures.at(-1)];
    if (small === undefined || large === undefined) return [];
    return [...moreRows(question, small, large), ...moreTime(question, small, large)].map(
      (what) => `${question.name}: ${what}`,
    );
  });
}

/** Of a search, how many rows it reads depends on how many names have the text, up to its bounds. */
function moreRows({ kind }: Question, small: Figures, large: Figures): string[] {
  if (kind === 'search' || kind === 'common search') return [];
  const most = small.mostRows * MORE_ROWS + FEW_ROWS;
  return large.mostRows <= most ? [] : [`expected at most ${Math.floor(most)} rows read, got ${large.mostRows}`];
}

function moreTime({ kind }: Question, small: Figures, large: Figures): string[] {
  if (kind === 'common search') return [];
  const mostMs = kind === 'search' ? MAX_SEARCH_MS : MAX_RATIO * Math.max(LEAST_MS, small.p99Ms);
  return large.p99Ms <= mostMs
    ? []
    : [`expected a 99th percentile of at most ${mostMs.toFixed(1)} ms, got ${large.p99Ms.toFixed(1)} ms`];
}
