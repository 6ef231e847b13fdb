import type { OrderStatus } from '../../generated/graphql.ts';

/** The states that may follow each; final ones have none. Keep the descriptions of the states in the schema in step. */
export const TRANSITIONS: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  PENDING: ['PAID', 'CANCELLED'],
  PAID: ['SHIPPED', 'CANCELLED', 'REFUNDED'],
  SHIPPED: ['DELIVERED', 'REFUNDED'],
  DELIVERED: ['REFUNDED'],
  CANCELLED: [],
  REFUNDED: [],
};

/** Whether an order in this state counts towards its customer's total. */
export const isCounted = (status: OrderStatus): boolean => status !== 'CANCELLED' && status !== 'REFUNDED';
