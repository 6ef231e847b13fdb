import type { Database, RawRow, ReadStatement } from '../db/database.ts';
import type { RowId } from './table.ts';

// How many keys one statement takes; more are split over several concurrent ones. MySQL allows 65,535 placeholders.
const KEYS_A_STATEMENT = 1_000;

/** What was read for many keys: the rows, and the error for each key whose statement failed. */
export interface ChunkedRows {
  readonly rows: RawRow[];
  readonly failures: ReadonlyMap<string, Error>;
}

/** Reads up to a thousand keys by one statement, more by several. A failed one affects only its own keys. */
export async function inChunks(
  context: { readonly db: Pick<Database, 'read'> },
  keys: readonly string[],
  statement: (chunk: readonly string[]) => ReadStatement,
): Promise<ChunkedRows> {
  const parts = chunks(keys, KEYS_A_STATEMENT);
  const read = await Promise.allSettled(parts.map((chunk) => context.db.read(statement(repeated(chunk)))));
  const failures = new Map<string, Error>();
  const rows = read.flatMap((result, i) => {
    if (result.status === 'fulfilled') return result.value;
    for (const key of parts[i] ?? []) failures.set(key, asError(result.reason));
    return [];
  });
  return { rows, failures };
}

/** Converts what was thrown for a DataLoader, which takes only errors. */
export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error('a batch failed', { cause: thrown });

/** Splits items into arrays of at most `size`, in order. */
export function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size));
}

// Statements are prepared and cached by their text. Rounding the number of keys up, by repeating the last, keeps the number of
// texts small and reads no extra rows.
function repeated(keys: readonly string[]): readonly string[] {
  const last = keys.at(-1);
  if (last === undefined) return keys;
  const length = 2 ** Math.ceil(Math.log2(keys.length));
  return [...keys, ...Array.from({ length: length - keys.length }, () => last)];
}

/**
 * Pads parents with nulls to one of a few lengths, for the same reason. By an eighth at most, since each parent is a SELECT,
 * which costs the server something even for null: a page of 20 takes 20 of them, and 24 texts cover every number of parents.
 */
export function padded(parents: readonly (RowId | null)[]): readonly (RowId | null)[] {
  const step = Math.max(1, 2 ** (Math.floor(Math.log2(parents.length)) - 2));
  const length = Math.ceil(parents.length / step) * step;
  return [...parents, ...Array.from({ length: length - parents.length }, () => null)];
}
