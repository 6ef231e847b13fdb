import type { Connection } from 'mariadb';
import { withinRange, type Range } from './check.ts';
import type { Pass } from './passes.ts';

/** A pass's next range, and whether it is the last one. */
export interface NextRange extends Range {
  readonly isLast: boolean;
}

/**
 * Finds a range in which no table has more than about `rows` rows. All rows of a key are in the same range, however many there
 * are, since sums need them together.
 */
export async function nextRange(
  connection: Connection,
  { walked, ends: [, highest] }: Pass,
  { after, rows }: { after: string; rows: number },
): Promise<NextRange> {
  const bounds = walked.map(
    ({ table, column, index }) =>
      `(SELECT ${column} AS bound FROM ${table} FORCE INDEX (${index}) WHERE ${column} > ${after}
        ORDER BY ${column} LIMIT 1 OFFSET ${rows - 1})`,
  );
  const [row] = await connection.query<{ bound: bigint | string | null }[]>(
    `SELECT MIN(bound) AS bound FROM (${bounds.join(' UNION ALL ')}) AS bounds`,
  );
  const bound = row?.bound ?? null;
  if (bound === null) return { after, upTo: highest, isLast: true };
  return { after, upTo: typeof bound === 'bigint' ? String(bound) : `'${bound}'`, isLast: false };
}

/** How many rows all tables of a pass have in a range. */
export async function countRows(connection: Connection, { walked }: Pass, range: Range): Promise<number> {
  const counts = walked.map(
    ({ table, column, index }) =>
      `(SELECT COUNT(*) FROM ${table} FORCE INDEX (${index}) WHERE ${withinRange(range)(column)})`,
  );
  const [row] = await connection.query<{ count: bigint }[]>(`SELECT ${counts.join(' + ')} AS count`);
  return Number(row?.count);
}

/** From the lowest to the highest existing id. */
export interface Span {
  readonly lowest: bigint;
  readonly highest: bigint;
}

/** The span of a pass's ids; empty if its key is not an id. */
export async function spanOf(connection: Connection, { walked: [{ table, column }] }: Pass): Promise<Span> {
  const [row] = await connection.query<{ lowest: unknown; highest: unknown }[]>(
    `SELECT MIN(${column}) AS lowest, MAX(${column}) AS highest FROM ${table}`,
  );
  const { lowest, highest } = row ?? {};
  return typeof lowest === 'bigint' && typeof highest === 'bigint' ? { lowest, highest } : { lowest: 0n, highest: -1n };
}

export const sizeOf = ({ lowest, highest }: Span): number => Number(highest - lowest + 1n);

/** How many ids of the span have been covered after a range. */
export function doneOf(span: Span, range: NextRange): number {
  if (range.isLast) return sizeOf(span);
  const done = sizeOf(span) === 0 ? 0 : Number(BigInt(range.upTo) - span.lowest + 1n);
  return Math.min(Math.max(done, 0), sizeOf(span));
}
