import type { TicketStatus } from '../../generated/prisma/enums.ts';
import type { Transitions } from '../transitions.ts';

export const TRANSITIONS: Transitions<TicketStatus> = {
  OPEN: ['PENDING', 'RESOLVED', 'CLOSED'],
  PENDING: ['OPEN', 'RESOLVED', 'CLOSED'],
  RESOLVED: ['OPEN', 'PENDING', 'CLOSED'],
  CLOSED: ['OPEN'],
};
