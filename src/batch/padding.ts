import type { RowId } from './table.ts';

/**
 * Pads parents with nulls to one of a few lengths, so that there are few texts of statements to prepare. It adds only a few, since each parent is a SELECT, which
 * costs the server something even for null: 20 parents need no padding, and 24 texts cover every number of parents.
 */
export function paddedParents(parents: readonly (RowId | null)[]): readonly (RowId | null)[] {
  const step = Math.max(1, 2 ** (Math.floor(Math.log2(parents.length)) - 2));
  const length = Math.ceil(parents.length / step) * step;
  return [...parents, ...Array.from({ length: length - parents.length }, () => null)];
}
