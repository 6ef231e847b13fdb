import type { Condition } from '../../batch/list-query.ts';
import { createError, quoted } from '../../errors.ts';
import type { CustomerFilter } from '../../generated/graphql.ts';
import { isGiven } from '../../given.ts';
import { counts } from '../collation.ts';
import { isEqual, isOneOf, isWithin } from '../filters.ts';
import { rowIdOf } from '../global-id.ts';
import { countCharacters, isText } from '../text.ts';
import { CUSTOMER_LENGTHS } from './lengths.ts';
import { parseSearch, type Search } from './search/search.ts';
import { MAX_TERM } from './search/terms.ts';
import { customerTags } from './table.ts';

/**
 * The conditions of a `CustomerFilter`.
 * @throws BAD_USER_INPUT for an empty list, text or id, or an id of another type
 */
export function customerConditions(filter: CustomerFilter | null | undefined): Condition[] {
  if (!isGiven(filter)) return [];
  const ownerId = filter.ownerId ?? null;
  const tag = givenText(filter.tag, 'tag');
  const prefix = givenText(filter.nameStartsWith, 'nameStartsWith');
  return [
    // The most selective first: if no index covers two of them, the first one's is used.
    ...isEqual('phone', filter.phone),
    ...isEqual('ownerId', ownerId === null ? null : rowIdOf('Agent', ownerId, 'filter.ownerId')),
    ...isOneOf('status', filter.status),
    ...(tag === undefined ? [] : [{ kind: 'has', indexTable: customerTags, value: tag } as const]),
    ...(prefix === undefined ? [] : [{ kind: 'startsWith', column: 'name', texts: [prefix] } as const]),
    ...isWithin('createdAt', filter.createdAt),
    ...isWithin('updatedAt', filter.updatedAt),
  ];
}

function givenText(given: string | null | undefined, name: string): string | undefined {
  if (!isGiven(given)) return undefined;
  // A trailing space is significant: `Li ` is not a prefix of Linda.
  return soughtText(given.trimStart(), { argument: `filter.${name}`, maxLength: CUSTOMER_LENGTHS.name, given });
}

/**
 * @throws BAD_USER_INPUT for a text that is empty or too long, contains control characters and the like, or has no character
 * that counts: it would be a prefix of every name, or only of names that nobody can see
 */
function soughtText(
  text: string,
  { argument, maxLength, given }: { argument: string; maxLength: number; given: string },
): string {
  const length = countCharacters(text);
  if (length < 1 || length > maxLength)
    throw createError(
      'BAD_USER_INPUT',
      `Argument "${argument}": expected 1 to ${maxLength} characters, got ${quoted(given)}.`,
    );
  if (isText(text) && counts(text)) return text;
  const expected = 'expected text, with a visible character that counts when names are compared';
  throw createError('BAD_USER_INPUT', `Argument "${argument}": ${expected}, got ${quoted(given)}.`);
}

/**
 * What a text to search for means; white space around it and repeated white space in it make no difference.
 * @throws BAD_USER_INPUT as for the other texts
 */
export function parseSearchText(given: string): Search {
  const text = given.trim().replaceAll(/\s+/g, ' ');
  return parseSearch(soughtText(text, { argument: 'text', maxLength: MAX_TERM, given }));
}
