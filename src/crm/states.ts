import { OrderStatus, TicketStatus } from '../generated/prisma/enums.ts';

const IS_COUNTED: Readonly<Record<OrderStatus, boolean>> = {
  PENDING: true,
  PAID: true,
  SHIPPED: true,
  DELIVERED: true,
  CANCELLED: false,
  REFUNDED: false,
};

/** Whether an order in this state counts towards its customer's total. */
export const isCounted = (status: OrderStatus): boolean => IS_COUNTED[status];

/** All states of orders that count. */
export const COUNTED_STATES: readonly OrderStatus[] = Object.values(OrderStatus).filter(isCounted);

const IS_OPEN: Readonly<Record<TicketStatus, boolean>> = { OPEN: true, PENDING: true, RESOLVED: false, CLOSED: false };

/** Whether a ticket in this state has no closing time, and counts as one of its customer's open tickets. */
export const isOpen = (status: TicketStatus): boolean => IS_OPEN[status];

/** All states of open tickets. */
export const OPEN_STATES: readonly TicketStatus[] = Object.values(TicketStatus).filter(isOpen);
