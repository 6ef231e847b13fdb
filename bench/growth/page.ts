import { machine } from '../page.ts';
import { MAX_RATIO, MAX_SEARCH_MS, type GrowthResults } from './verdict.ts';

const sizesOf = (results: GrowthResults): number[] =>
  ([...results.values()][0] ?? []).map(({ customers }) => customers);

/** A line for each question: the rows read and the times at each size. */
export function growthTable(results: GrowthResults): string {
  const sizes = sizesOf(results).map((size) => size.toLocaleString('en'));
  const head = [
    'what is asked',
    ...sizes.map((size) => `rows read, ${size} customers`),
    ...sizes.map((size) => `median ms, ${size}`),
    ...sizes.map((size) => `99 % ms, ${size}`),
  ];
  const lines = [...results].map(([{ name }, figures]) => [
    name,
    ...figures.map(({ rows, mostRows }) => (rows === mostRows ? `${rows}` : `${rows} to ${mostRows}`)),
    ...figures.map(({ p50Ms }) => p50Ms.toFixed(1)),
    ...figures.map(({ p99Ms }) => p99Ms.toFixed(1)),
  ]);
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

interface Origin {
  readonly version: string;
  readonly requests: number;
  readonly rounds: number;
  readonly connections: number;
}

/** The page `docs/growth.md`. */
export function growthPage(results: GrowthResults, { version, requests, rounds, connections }: Origin): string {
  const sizes = sizesOf(results).map((size) => size.toLocaleString('en'));
  return `# As tables grow

Written by \`npm run bench:growth -- --write\` on ${new Date().toISOString().slice(0, 10)}. It asks the same of databases with
${sizes.slice(0, -1).join(', ')} and ${sizes.at(-1)} customers: how many rows does the server read for it, and how long does it take?

- Machine: ${machine()}. Everything runs on it, so times are comparable only within
  this page.
- Node ${process.version.slice(1)}, ${version}, \`CACHE_ENABLED=false\`: every request is executed.
- Each customer has ten orders on average, and one has a tenth of all orders besides: as many as there are customers.
- ${rounds} rounds of ${requests} requests for each question and size, ${connections} at a time, at each size in turn. Times are medians over the rounds.
- Rows are rows and index entries read, as the server counts them: the median, and the most for any of 25 requests.

The command fails if a question reads more rows of the largest database than of the smallest, or if its 99th percentile is more than
${MAX_RATIO} times as high. Searches may read more where more names match, up to [their bounds](text.md#searching): selective ones must take
less than ${MAX_SEARCH_MS} ms at the 99th percentile. \`npm run explain\` checks the rows of every statement, at one size ([explain](explain.md)).

![Times by the number of customers](growth.svg)

Each picture is a question. From left to right, the number of customers; upwards, the time on a scale of its own, whose end is written
beside it. The thin line is the median, the thick one the 99th percentile.

${growthTable(results)}
`;
}
