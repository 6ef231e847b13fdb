import type { Pair } from './beside.ts';
import { median, ratiosOf, type Results } from './results.ts';
import { SERVER_LABELS } from './targets.ts';

/** A line of two checkouts, compared. */
export interface Change {
  readonly title: string;
  /** Requests per second: medians over the rounds. */
  readonly before: number;
  readonly after: number;
  /** The requests per second after, divided by those before: the median over the pairs of rounds. */
  readonly ratio: number;
  /** Contains the ratio that endless rounds would give, with a probability of at least 95 %; undefined with too few rounds. */
  readonly interval: Interval | undefined;
}

type Interval = readonly [low: number, high: number];

/** A line that keeps less of its requests per second has become slower. */
const MINIMUM = 0.97;

/** Compares the rounds of each pair. */
export function changesOf(results: Results, pairs: readonly Pair[]): readonly Change[] {
  return pairs.map(({ before, after }) => {
    const [old, now] = [results.get(before) ?? [], results.get(after) ?? []];
    const ratios = ratiosOf(now, old);
    return {
      title: `${after.caseName}: ${SERVER_LABELS[after.server]}`,
      before: median(old.map(({ requestsPerSecond }) => requestsPerSecond)),
      after: median(now.map(({ requestsPerSecond }) => requestsPerSecond)),
      ratio: median(ratios),
      interval: intervalOf(ratios),
    };
  });
}

/**
 * The 95 % confidence interval of a median. Each value is above the true median as often as below, so how many are above has a
 * binomial distribution, whatever the values' own. It takes six values; with fewer, all are on one side too often.
 */
function intervalOf(values: readonly number[]): Interval | undefined {
  const count = values.length;
  const sorted = values.toSorted((a, b) => a - b);
  // The probability that exactly, and that at most, `outside` values are above.
  let exactly = 0.5 ** count;
  let atMost = exactly;
  let outside = 0;
  while (atMost <= 0.025 && outside < count >> 1) {
    outside += 1;
    exactly *= (count - outside + 1) / outside;
    atMost += exactly;
  }
  const [low, high] = [sorted[outside - 1], sorted[count - outside]];
  return low === undefined || high === undefined ? undefined : [low, high];
}

/** The changes as a table in Markdown. */
export function changesTable(changes: readonly Change[]): string {
  return [
    '| line | before: requests per second | after: requests per second | ratio | 95 % interval of the ratio |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...changes.map(
      ({ title, before, after, ratio, interval }) =>
        `| ${title} | ${perSecond(before)} | ${perSecond(after)} | ${ratio.toFixed(3)} | ${rangeOf(interval)} |`,
    ),
  ].join('\n');
}

const perSecond = (value: number): string => Math.round(value).toLocaleString('en');

const rangeOf = (interval: Interval | undefined): string =>
  interval === undefined ? 'unknown' : interval.map((end) => end.toFixed(3)).join(' to ');

/**
 * The verdict on the changes: a line for each that is certainly below the minimum, with exit code 1, and one for each that only
 * seems to be. NaN fails.
 */
export function changesVerdict(changes: readonly Change[]): { lines: readonly string[]; exitCode: 0 | 1 } {
  const seeming = changes.filter(({ ratio }) => !(ratio >= MINIMUM));
  const isCertain = ({ ratio, interval }: Change): boolean =>
    Number.isNaN(ratio) || (interval !== undefined && interval[1] < MINIMUM);
  const lines = seeming.map((change) => {
    const { title, ratio, interval } = change;
    const found = `${title}: expected at least ${MINIMUM} of the requests per second before, got ${ratio.toFixed(3)}`;
    const range = `95 % interval: ${rangeOf(interval)}`;
    return isCertain(change) ? `${found} (${range})` : `${found}, which may be chance (${range}); more rounds tell`;
  });
  if (lines.length === 0) {
    const limit = changes.some(({ interval }) => interval === undefined)
      ? ', as far as fewer than six rounds can tell'
      : '';
    return { lines: [`Every line keeps at least ${MINIMUM} of its requests per second${limit}.`], exitCode: 0 };
  }
  return { lines, exitCode: seeming.some(isCertain) ? 1 : 0 };
}
