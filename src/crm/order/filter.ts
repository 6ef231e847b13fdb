import type { Condition } from '../../batch/list-query.ts';
import type { OrderFilter } from '../../generated/graphql.ts';
import { isOneOf, isWithin } from '../filters.ts';

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
