import type { Condition } from '../../batch/list-query.ts';
import type { TicketFilter } from '../../generated/graphql.ts';
import { isOneOf, isWithin } from '../filters.ts';

/**
 * The conditions of a `TicketFilter`.
 * @throws BAD_USER_INPUT for an empty list
 */
export function ticketConditions(filter: TicketFilter | null | undefined): Condition[] {
  return [
    ...isOneOf('status', filter?.status),
    ...isOneOf('priority', filter?.priority),
    ...isWithin('openedAt', filter?.openedAt),
    ...isWithin('updatedAt', filter?.updatedAt),
  ];
}
