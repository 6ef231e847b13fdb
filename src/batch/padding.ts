import type { RowId } from './table.ts';

/**
 * Pads parents with nulls to one of 24 lengths, which keeps the number of texts of a statement small (`db/padding.ts`). The steps are
 * small, because each parent is a SELECT, which has a cost even for null: 20 parents need no padding.
 */
export function paddedParents(parents: readonly (RowId | null)[]): readonly (RowId | null)[] {
  const step = Math.max(1, 2 ** (Math.floor(Math.log2(parents.length)) - 2));
  const length = Math.ceil(parents.length / step) * step;
  return [...parents, ...Array.from({ length: length - parents.length }, () => null)];
}
