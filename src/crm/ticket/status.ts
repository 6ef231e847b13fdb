import { TicketStatus } from '../../generated/prisma/enums.ts';
import type { Transitions } from '../transitions.ts';

export const TRANSITIONS: Transitions<TicketStatus> = {
  OPEN: ['PENDING', 'RESOLVED', 'CLOSED'],
  PENDING: ['OPEN', 'RESOLVED', 'CLOSED'],
  RESOLVED: ['OPEN', 'PENDING', 'CLOSED'],
  CLOSED: ['OPEN'],
};

const IS_OPEN: Readonly<Record<TicketStatus, boolean>> = { OPEN: true, PENDING: true, RESOLVED: false, CLOSED: false };

/** Whether a ticket in this state has no closing time, and counts as one of its customer's open tickets. */
export const isOpen = (status: TicketStatus): boolean => IS_OPEN[status];

/** All states of open tickets. */
export const OPEN_STATES: readonly TicketStatus[] = Object.values(TicketStatus).filter(isOpen);
