import type { Condition } from '../../batch/conditions.ts';
import type { ListRequest } from '../../connection/connection.ts';
import { createError, quoted } from '../../errors.ts';
import type { CustomerFilter, CustomerOrder } from '../../generated/graphql.ts';
import { isOneOf, isWithin, sortBy } from '../filters.ts';
import { rowIdOf } from '../global-id.ts';
import { customerTags } from './table.ts';

const SORT_COLUMNS = { CREATED_AT: 'createdAt', UPDATED_AT: 'updatedAt', NAME: 'name' } as const;

/** The order of a list of customers; newest created first when none is asked for. */
export const customerSort = (orderBy: CustomerOrder | null | undefined) => sortBy(SORT_COLUMNS, orderBy, 'CREATED_AT');

/** The conditions of a `CustomerFilter`. Throws BAD_USER_INPUT for an empty list or text, or an id of something else. */
export function customerConditions(filter: CustomerFilter | null | undefined): Condition[] {
  if (filter === null || filter === undefined) return [];
  const { ownerId, phone } = filter;
  const tag = givenText(filter.tag, 'tag');
  const prefix = givenText(filter.nameStartsWith, 'nameStartsWith');
  return [
    // The narrowest first: where no index holds two of them, the first one's is taken.
    ...isOneOf('phone', phone ? [phone] : undefined),
    ...isOneOf('ownerId', ownerId ? [rowIdOf('Agent', ownerId, 'filter.ownerId')] : undefined),
    ...isOneOf('status', filter.status),
    ...(tag === undefined ? [] : [{ kind: 'labelled', side: customerTags, value: tag } as const]),
    ...(prefix === undefined ? [] : [{ kind: 'startsWith', column: 'name', text: prefix } as const]),
    ...isWithin('createdAt', filter.createdAt),
    ...isWithin('updatedAt', filter.updatedAt),
  ];
}

function givenText(given: string | null | undefined, name: string): string | undefined {
  if (given === null || given === undefined) return undefined;
  // A space at the end is meant: `Li ` is not the start of Linda.
  const trimmed = given.trimStart();
  if (trimmed !== '' && trimmed.length <= 200) return trimmed;
  throw createError('BAD_USER_INPUT', `Argument "filter.${name}": expected 1 to 200 characters, got ${quoted(given)}.`);
}

/**
 * What a search text looks for: with an `@` the start of the email; of four digits or more (spaces, dots and the like
 * between them) the start of the phone in E.164 form; else the start of the name. Each is a page of one index.
 */
export function searchRequest(given: string): ListRequest {
  const text = given.trim();
  if (text === '' || text.length > 100)
    throw createError('BAD_USER_INPUT', `Argument "text": expected 1 to 100 characters, got ${quoted(given)}.`);
  if (text.includes('@')) return startsWith('email', text.toLowerCase());
  const digits = text.replaceAll(/[\s().+/-]/g, '');
  if (/^\d{4,15}$/.test(digits)) return startsWith('phone', `+${digits}`);
  return startsWith('name', text);
}

const startsWith = (column: string, prefix: string): ListRequest => ({
  parent: null,
  conditions: [{ kind: 'startsWith', column, text: prefix }],
  sort: { column, descending: false, name: `${column} ASC` },
});
