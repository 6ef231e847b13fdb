import type { Condition } from '../../batch/conditions.ts';
import type { OrderFilter, OrderOrder } from '../../generated/graphql.ts';
import { isOneOf, isWithin, sortBy } from '../filters.ts';

const SORT_COLUMNS = { PLACED_AT: 'placedAt', UPDATED_AT: 'updatedAt' } as const;

/** The order of a list of orders; by default, the most recently placed first. */
export const orderSort = (orderBy: OrderOrder | null | undefined) => sortBy(SORT_COLUMNS, orderBy, 'PLACED_AT');

/**
 * The conditions of an `OrderFilter`.
 * @throws BAD_USER_INPUT for an empty list
 */
export function orderConditions(filter: OrderFilter | null | undefined): Condition[] {
  return [
    ...isOneOf('status', filter?.status),
    ...isWithin('placedAt', filter?.placedAt),
    ...isWithin('updatedAt', filter?.updatedAt),
  ];
}
