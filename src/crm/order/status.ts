import type { OrderStatus } from '../../generated/graphql.ts';

/** Which states may follow each; nothing follows a final one. The schema's descriptions of the states say the same. */
export const TRANSITIONS: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  PENDING: ['PAID', 'CANCELLED'],
  PAID: ['SHIPPED', 'CANCELLED', 'REFUNDED'],
  SHIPPED: ['DELIVERED', 'REFUNDED'],
  DELIVERED: ['REFUNDED'],
  CANCELLED: [],
  REFUNDED: [],
};

/** Whether an order in this state counts in what its customer's orders come to. */
export const isCounted = (status: OrderStatus): boolean => status !== 'CANCELLED' && status !== 'REFUNDED';
