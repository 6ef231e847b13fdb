import type { RowId } from './table.ts';

/**
 * Pads keys to a power of two by repeating the last, which reads no extra rows. Statements are prepared and kept by their text,
 * so this keeps the number of texts small.
 */
export function paddedKeys(keys: readonly string[]): readonly string[] {
  const last = keys.at(-1);
  if (last === undefined) return keys;
  const length = 2 ** Math.ceil(Math.log2(keys.length));
  return [...keys, ...Array.from({ length: length - keys.length }, () => last)];
}

/** A placeholder for each key, for `IN (...)`. */
export const keyMarks = (keys: readonly string[]): string => keys.map(() => '?').join(', ');

/**
 * Pads parents with nulls to one of a few lengths, for the same reason. It adds only a few, since each parent is a SELECT, which
 * costs the server something even for null: 20 parents need no padding, and 24 texts cover every number of parents.
 */
export function paddedParents(parents: readonly (RowId | null)[]): readonly (RowId | null)[] {
  const step = Math.max(1, 2 ** (Math.floor(Math.log2(parents.length)) - 2));
  const length = Math.ceil(parents.length / step) * step;
  return [...parents, ...Array.from({ length: length - parents.length }, () => null)];
}
