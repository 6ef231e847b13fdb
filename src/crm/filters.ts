import type { Condition } from '../batch/list-query.ts';
import type { Table } from '../batch/table.ts';
import { createError } from '../errors.ts';
import { isGiven, type Maybe } from '../given.ts';
import type { ListRequest } from '../relay/connection.ts';

/**
 * A condition that the column equals one of the values; no condition if they are not given.
 * @throws BAD_USER_INPUT for an empty list
 */
export function isOneOf(column: string, values: Maybe<readonly string[]>): Condition[] {
  if (!isGiven(values)) return [];
  if (values.length === 0)
    throw createError('BAD_USER_INPUT', `Argument "filter.${column}": expected at least one value, got an empty list.`);
  return [{ kind: 'in', column, values: [...new Set(values)].sort() }];
}

/** A condition that the column equals the value; no condition if it is not given. An empty text counts as given. */
export const isEqual = (column: string, value: Maybe<string>): Condition[] =>
  isGiven(value) ? isOneOf(column, [value]) : [];

/** A condition for a range of time; no condition if it is not given. */
export function isWithin(column: string, range: Maybe<{ from?: Maybe<string>; to?: Maybe<string> }>): Condition[] {
  const [from, to] = [range?.from ?? null, range?.to ?? null];
  return from === null && to === null ? [] : [{ kind: 'range', column, from, to }];
}

/** The argument `orderBy` of a list. */
export type SortArgument = Maybe<{ readonly field: string; readonly direction?: 'ASC' | 'DESC' }>;

/** The sort order of a list of a table's rows: the one in the argument `orderBy`, or else the table's default order. */
export function sortBy({ name, sorts }: Table, asked?: SortArgument): ListRequest['sort'] {
  if (sorts === undefined) throw new TypeError(`${name}: its table does not say how its lists are sorted`);
  const { field, direction = 'ASC' } = asked ?? sorts.byDefault;
  const column = sorts.columns[field];
  if (column === undefined) throw new TypeError(`${name}: its table does not say by which column ${field} sorts`);
  return { column, descending: direction === 'DESC', name: `${field} ${direction}` };
}
