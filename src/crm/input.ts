import type { RowId } from '../batch/table.ts';
import { quoted } from '../errors.ts';
import { isGiven, type Maybe } from '../given.ts';
import { parseGlobalId, withArticle, type NodeType } from './global-id.ts';
import type { Problems } from './user-errors.ts';

/**
 * The row that an input's id refers to; for text that is not an id, or another type's id, 0n and a NOT_FOUND problem. Whether
 * the row exists is checked when it is written to.
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

/** Like `parseId`, for an id that may be null or omitted. */
export function parseOptionalId(
  type: NodeType,
  given: Maybe<string>,
  place: { path: readonly (string | number)[]; problems: Problems },
): bigint | null {
  return isGiven(given) ? parseId(type, given, place) : null;
}

// The clocks of client and gateway may differ.
const AHEAD_MS = 60_000;

/** Whether a time, in milliseconds since the epoch, is more than a minute in the future. */
export const isAhead = (ms: number): boolean => ms > Date.now() + AHEAD_MS;

/** A time that may be null or omitted (undefined then); INVALID_INPUT if it is more than a minute in the future. */
export function parsePastDateTime(
  given: Maybe<string>,
  { path, problems }: { path: readonly string[]; problems: Problems },
): Date | undefined {
  if (!isGiven(given)) return undefined;
  if (isAhead(Date.parse(given)))
    problems.add('INVALID_INPUT', path, `Expected a time that is not in the future, got ${given}.`);
  return new Date(given);
}

/** The row that an input's id refers to, for the payload to show its current state; null for any other text. */
export function givenRow(type: NodeType, given: string): RowId | null {
  const parsed = parseGlobalId(given);
  return parsed?.type === type ? parsed.id : null;
}
