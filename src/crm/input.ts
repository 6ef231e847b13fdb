import type { RowId } from '../batch/table.ts';
import { quoted } from '../errors.ts';
import { parseGlobalId, withArticle, type NodeType } from './global-id.ts';
import type { Problems } from './user-errors.ts';

/**
 * The row that an input's id stands for; 0n with a problem, NOT_FOUND, for a text that is no id or the id of something
 * else. Whether there is such a row is found out when it is written to.
 * @param path below `input`
 */
export function parseId(
  type: NodeType,
  given: string,
  { path, problems }: { path: readonly (string | number)[]; problems: Problems },
): bigint {
  const parsed = parseGlobalId(given);
  if (parsed?.type === type) return BigInt(parsed.id);
  problems.add('NOT_FOUND', path, `Expected the id of ${withArticle(type)}, got ${quoted(given)}.`);
  return 0n;
}

/** The same where the id may be null or left out. */
export function parseOptionalId(
  type: NodeType,
  given: string | null | undefined,
  place: { path: readonly (string | number)[]; problems: Problems },
): bigint | null {
  return given === null || given === undefined ? null : parseId(type, given, place);
}

/** The row that an input's id stands for, for a payload to show what is there; null for any other text. */
export function givenRow(type: NodeType, given: string): RowId | null {
  const parsed = parseGlobalId(given);
  return parsed?.type === type ? parsed.id : null;
}
