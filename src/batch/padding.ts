import type { RowId } from './table.ts';

// Statements are prepared and kept by their text. Padding keeps the number of texts small.

/** Pads keys to a power of two by repeating the last, which reads no extra rows. */
export function paddedKeys(keys: readonly string[]): readonly string[] {
  const last = keys.at(-1);
  if (last === undefined) return keys;
  const length = 2 ** Math.ceil(Math.log2(keys.length));
  return [...keys, ...Array.from({ length: length - keys.length }, () => last)];
}

/**
 * Pads parents with nulls to one of 24 lengths. The steps are small, because each parent is a SELECT, which has a cost even for
 * null: 20 parents need no padding.
 */
export function paddedParents(parents: readonly (RowId | null)[]): readonly (RowId | null)[] {
  const step = Math.max(1, 2 ** (Math.floor(Math.log2(parents.length)) - 2));
  const length = Math.ceil(parents.length / step) * step;
  return [...parents, ...Array.from({ length: length - parents.length }, () => null)];
}
