import { OrderStatus } from '../../generated/prisma/enums.ts';
import type { Transitions } from '../transitions.ts';

export const TRANSITIONS: Transitions<OrderStatus> = {
  PENDING: ['PAID', 'CANCELLED'],
  PAID: ['SHIPPED', 'CANCELLED', 'REFUNDED'],
  SHIPPED: ['DELIVERED', 'REFUNDED'],
  DELIVERED: ['REFUNDED'],
  CANCELLED: [],
  REFUNDED: [],
};

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
