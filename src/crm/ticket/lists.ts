import type { Condition } from '../../batch/conditions.ts';
import type { TicketFilter, TicketOrder } from '../../generated/graphql.ts';
import { isOneOf, isWithin, sortBy } from '../filters.ts';

const SORT_COLUMNS = { OPENED_AT: 'openedAt', UPDATED_AT: 'updatedAt', CLOSED_AT: 'closedAt' } as const;

/** The order of a list of tickets; by default, the most recently opened first. */
export const ticketSort = (orderBy: TicketOrder | null | undefined) => sortBy(SORT_COLUMNS, orderBy, 'OPENED_AT');

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
