import type { OrderStatus } from '../../generated/prisma/enums.ts';
import type { Transitions } from '../transitions.ts';

export const TRANSITIONS: Transitions<OrderStatus> = {
  PENDING: ['PAID', 'CANCELLED'],
  PAID: ['SHIPPED', 'CANCELLED', 'REFUNDED'],
  SHIPPED: ['DELIVERED', 'REFUNDED'],
  DELIVERED: ['REFUNDED'],
  CANCELLED: [],
  REFUNDED: [],
};
