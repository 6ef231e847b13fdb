import type { Condition } from '../batch/conditions.ts';
import { createError } from '../errors.ts';
import type { ListRequest } from '../relay/connection.ts';

type Maybe<Value> = Value | null | undefined;

/**
 * A condition that the column equals one of the values; none if not requested.
 * @throws BAD_USER_INPUT for an empty list
 */
export function isOneOf(column: string, values: Maybe<readonly string[]>): Condition[] {
  if (values === null || values === undefined) return [];
  if (values.length === 0)
    throw createError('BAD_USER_INPUT', `Argument "filter.${column}": expected at least one value, got an empty list.`);
  return [{ kind: 'in', column, values: [...new Set(values)].sort() }];
}

/** A condition that the column equals the value; none if not requested, which an empty text is not: it equals nothing. */
export const isEqual = (column: string, value: Maybe<string>): Condition[] =>
  value === null || value === undefined ? [] : isOneOf(column, [value]);

/** A condition for a range of time; none if not requested. */
export function isWithin(column: string, range: Maybe<{ from?: Maybe<string>; to?: Maybe<string> }>): Condition[] {
  const [from, to] = [range?.from ?? null, range?.to ?? null];
  return from === null && to === null ? [] : [{ kind: 'range', column, from, to }];
}

/**
 * A list's order, from its argument.
 * @param columns the column for each value of the order's enumeration
 * @param fallback the default order, descending
 */
export function sortBy<Field extends string>(
  columns: Readonly<Record<Field, string>>,
  asked: Maybe<{ field: Field; direction?: 'ASC' | 'DESC' }>,
  fallback: Field,
): ListRequest['sort'] {
  const { field, direction = 'ASC' } = asked ?? { field: fallback, direction: 'DESC' };
  return { column: columns[field], descending: direction === 'DESC', name: `${field} ${direction}` };
}

/** The order of lists without `orderBy`: alphabetically by name. */
export const BY_NAME: ListRequest['sort'] = { column: 'name', descending: false, name: 'NAME ASC' };

/** The order of interactions: newest first. */
export const NEWEST_FIRST: ListRequest['sort'] = { column: 'occurredAt', descending: true, name: 'OCCURRED_AT DESC' };
