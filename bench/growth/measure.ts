import { openRowsReader, type RowsReader } from '../../test/support/rows-read.ts';
import { startChild, type Child } from '../children.ts';
import { createClient, type Client } from './ask.ts';
import { openGrownDatabase, type GrownDatabase } from './database.ts';
import type { Question } from './questions.ts';

/** The answers to a question, at one size. */
export interface Figures {
  readonly customers: number;
  /** Rows and index entries that the server reads for a request: the median, and the most of any. */
  readonly rows: number;
  readonly mostRows: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One size: its database, and the gateway in front of it, without a cache. */
interface Size {
  readonly database: GrownDatabase;
  readonly client: Client;
  /** One that accepts pages of thousands, to get into the middle of a list. */
  readonly walker: Client;
  readonly reader: RowsReader;
  readonly children: readonly Child[];
}

export interface GrowthOptions {
  readonly sizes: readonly number[];
  /** For each question and size, in each round. */
  readonly requests: number;
  readonly rounds: number;
  readonly connections: number;
  readonly report: (line: string) => void;
}

const ROWS_OF = 25;
const WALKED = 10_000;
const HUGE = '1000000000';

/** Opens every size, and asks each question at each of them in turn, so that whatever slows the machine slows all of them. */
export async function measureGrowth(questions: readonly Question[], options: GrowthOptions) {
  const { sizes, report } = options;
  await using open = new AsyncDisposableStack();
  const opened: Size[] = [];
  for (const customers of sizes) opened.push(open.adopt(await openSize(customers, report), closeSize));
  const results = new Map<Question, readonly Figures[]>();
  for (const question of questions) {
    const figures = await measureQuestion(question, opened, options);
    report(`${question.name}: ${figures.map(({ rows, p99Ms }) => `${rows} rows, ${p99Ms.toFixed(1)} ms`).join('; ')}`);
    results.set(question, figures);
  }
  return { results, version: opened[0]?.database.version ?? '' };
}

async function openSize(customers: number, report: (line: string) => void): Promise<Size> {
  const database = await openGrownDatabase(customers, report);
  const settings = { databaseUrl: database.url, redisUrl: '', responses: {} };
  const env = { CACHE_ENABLED: 'false', LIMIT_CONCURRENT_COST_PER_CLIENT: '40000' };
  const walking = {
    LIMIT_PAGE_SIZE_MAX: String(WALKED),
    LIMIT_COST: HUGE,
    LIMIT_CONCURRENT_COST: HUGE,
    LIMIT_CONCURRENT_COST_PER_CLIENT: HUGE,
  };
  const child = await startChild('gateway', { settings, env });
  const walker = await startChild('gateway', { settings, env: { ...env, ...walking } });
  return {
    database,
    client: createClient(child.url),
    walker: createClient(walker.url),
    reader: await openRowsReader(database.url),
    children: [child, walker],
  };
}

async function closeSize({ database, client, walker, reader, children }: Size): Promise<void> {
  client.close();
  walker.close();
  await reader.close();
  for (const child of children) await child.stop();
  await database.stop();
}

async function measureQuestion(question: Question, sizes: readonly Size[], options: GrowthOptions) {
  const asked = await Promise.all(sizes.map(async (size) => ({ size, ask: await askerOf(question, size) })));
  const rows = new Map<Size, number[]>();
  const latencies = new Map<Size, { p50Ms: number; p99Ms: number }[]>(sizes.map((size) => [size, []]));
  for (const { size, ask } of asked) {
    const reads: number[] = [];
    for (let i = 0; i < ROWS_OF; i += 1) reads.push(await size.reader.rowsRead(() => ask(i)));
    rows.set(size, reads);
  }
  for (let round = 0; round < options.rounds; round += 1)
    for (const { size, ask } of round % 2 === 0 ? asked : asked.toReversed())
      latencies.get(size)?.push(await load(ask, options));
  return sizes.map((size): Figures => {
    const reads = rows.get(size) ?? [];
    const of = (name: 'p50Ms' | 'p99Ms') =>
      quantile(
        (latencies.get(size) ?? []).map((round) => round[name]),
        0.5,
      );
    return {
      customers: size.database.customers,
      rows: quantile(reads, 0.5),
      mostRows: Math.max(...reads),
      p50Ms: of('p50Ms'),
      p99Ms: of('p99Ms'),
    };
  });
}

/** Sends the i-th request of a question. Returns how long it took. */
async function askerOf({ query, variables, walk }: Question, { client, walker, database }: Size) {
  const middle = walk === undefined ? undefined : await walkTo(walker, walk.query, walk.entries(database.customers));
  return async (i: number): Promise<number> => {
    const given = { ...variables?.(i, database.samples), ...(middle !== undefined && { middle }) };
    return (await client.ask(query, given)).tookMs;
  };
}

/** The cursor after so many entries of a list. */
async function walkTo(walker: Client, query: string, entries: number): Promise<string> {
  let middle: string | null = null;
  for (let left = Math.floor(entries); left > 0; left -= WALKED) {
    const { data } = await walker.ask(query, { size: Math.min(left, WALKED), middle });
    const end = endCursorIn(data);
    if (end === undefined) throw new RangeError(`expected ${entries} entries, got fewer: ${query}`);
    middle = end;
  }
  if (middle === null) throw new RangeError(`expected entries before the middle, got none: ${query}`);
  return middle;
}

function endCursorIn(data: unknown): string | undefined {
  return /"endCursor":"([^"]+)"/.exec(JSON.stringify(data))?.[1];
}

async function load(ask: (i: number) => Promise<number>, { requests, connections }: GrowthOptions) {
  const times: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let i = next++; i < requests; i = next++) times.push(await ask(i));
  };
  await Promise.all(Array.from({ length: connections }, client));
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
