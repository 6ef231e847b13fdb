import type { Random } from '../../src/data/seed/random.ts';
import { rowOf } from '../mutations/writing-gateway.ts';
import { CUSTOMER_MUTATIONS } from './customer-mutations.ts';
import { anyAgent, maybe, maybeVersion, seeOwned, type ChaosMutation, type Input } from './mutation.ts';

/** How many products there are, some priced in EUR, some in JPY. */
export const PRODUCTS = 6;

const TICKET_STATES = ['OPEN', 'PENDING', 'RESOLVED', 'CLOSED'] as const;
const PRIORITIES = ['LOW', 'NORMAL', 'HIGH', 'URGENT'] as const;
const KINDS = ['CALL', 'EMAIL', 'CHAT', 'MEETING', 'NOTE'] as const;
/** An order enters each of them at most once. */
const ORDER_STATES = ['PAID', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'REFUNDED'] as const;

const anyItem = (random: Random): Input => ({
  product: { sku: `P-${random.between(1, PRODUCTS)}` },
  quantity: random.between(1, 9),
  ...maybe(random, 700, () => ({ unitPrice: `${random.below(100)}.${random.between(10, 99)}` })),
  ...maybe(random, 300, () => ({ discount: '0.15' })),
});

/** All writes that clients make: every mutation of the schema. */
export const MUTATIONS: readonly ChaosMutation[] = [
  ...CUSTOMER_MUTATIONS,
  {
    name: 'createOrder',
    weight: 16,
    selection: 'given: order { id version customer { id } }',
    input(random, model, { text, moment }) {
      const customer = model.pick('Customer', random);
      if (customer === undefined) return undefined;
      return {
        customerId: customer.id,
        currency: random.chance(700) ? 'EUR' : 'JPY',
        items: Array.from({ length: random.between(1, 4) }, () => anyItem(random)),
        placedAt: moment,
        ...maybe(random, 600, () => ({ number: random.chance(600) ? text : `chaos-${random.below(200)}` })),
      };
    },
    learn: seeOwned('Order'),
  },
  {
    name: 'updateOrderStatus',
    weight: 16,
    selection: 'given: order { id version customer { id } }',
    input(random, model) {
      const order = model.pick('Order', random);
      return order && { id: order.id, status: random.pick(ORDER_STATES), ...maybeVersion(random, order) };
    },
    learn: seeOwned('Order'),
    recorded: ({ id, status }) => [`UPDATED Order:${rowOf(String(id))} status ${String(status)}`],
    isShared: true,
  },
  {
    name: 'logInteraction',
    weight: 14,
    selection: 'given: interaction { id customer { id } }',
    input(random, model, { text, moment }) {
      const ticket = random.chance(400) ? model.pick('Ticket', random) : undefined;
      const customerId = ticket?.customerId ?? model.pick('Customer', random)?.id;
      if (customerId === undefined) return undefined;
      return {
        customerId,
        kind: random.pick(KINDS),
        body: text,
        occurredAt: moment,
        ...(ticket === undefined ? {} : { ticketId: ticket.id }),
        ...maybe(random, 500, () => ({ agentId: anyAgent(random) })),
      };
    },
    learn: () => undefined,
  },
  {
    name: 'openTicket',
    weight: 12,
    selection: 'given: ticket { id version customer { id } }',
    input(random, model, { text }) {
      const customer = model.pick('Customer', random);
      if (customer === undefined) return undefined;
      return {
        customerId: customer.id,
        subject: text,
        ...maybe(random, 300, () => ({ number: `chaos-${random.below(200)}` })),
        ...maybe(random, 500, () => ({ priority: random.pick(PRIORITIES) })),
        ...maybe(random, 500, () => ({ assigneeId: anyAgent(random) })),
      };
    },
    learn: seeOwned('Ticket'),
  },
  {
    name: 'updateTicket',
    weight: 18,
    selection: 'given: ticket { id version customer { id } }',
    input(random, model, { text }) {
      const ticket = model.pick('Ticket', random);
      if (ticket === undefined) return undefined;
      return {
        id: ticket.id,
        subject: text,
        ...maybe(random, 400, () => ({ expectedVersion: ticket.version })),
        ...maybe(random, 600, () => ({ status: random.pick(TICKET_STATES) })),
        ...maybe(random, 300, () => ({ priority: random.pick(PRIORITIES) })),
        ...maybe(random, 300, () => ({ assigneeId: random.chance(300) ? null : anyAgent(random) })),
      };
    },
    learn: seeOwned('Ticket'),
  },
];
