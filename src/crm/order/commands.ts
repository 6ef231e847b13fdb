import { valueTags } from '../../batch/tags.ts';
import type { UpdateOrderStatusInput } from '../../generated/graphql.ts';
import { recordChange } from '../changes.ts';
import { defineCommand, type Payload } from '../command.ts';
import { givenRow, parseId } from '../input.ts';
import { lockCustomer, lockOwned } from '../lock.ts';
import { formatAmount, money } from '../money.ts';
import { writeNumbered } from '../numbers.ts';
import { assertTransition } from '../transitions.ts';
import { refuseTaken } from '../user-errors.ts';
import { parseOrder } from './input.ts';
import { priceItems } from './pricing.ts';
import { isCounted } from '../states.ts';
import { TRANSITIONS } from './status.ts';
import { addToSummary, assertTotalFits, takeFromSummary } from './summary.ts';
import { orders } from './table.ts';

/** The parent value of the payloads' resolvers. */
export type OrderPayload = Payload<{ readonly orderId: string }>;
export type CreateOrderPayload = OrderPayload;
export type UpdateOrderStatusPayload = OrderPayload;

const NUMBER_INDEX = 'orders_number_key';

/** Creates an order with its items, and adds it to its customer's summary. */
export const createOrder = defineCommand({
  uniques: { [NUMBER_INDEX]: ['order', 'number'] },
  parse: parseOrder,
  locks: ({ customerId }) => ['Customer', customerId],
  checks: (transaction, { number, ...order }) => [
    () => priceItems(transaction, order),
    async () => {
      if (number === null) return;
      const found = await transaction.order.findUnique({ where: { number }, select: { id: true } });
      if (found !== null) refuseTaken('order', 'number');
    },
  ],
  async run(write, { customerId: given, number, currency, items, placedAt: wanted }) {
    const { id: customerId } = await lockCustomer(write, { id: given, path: ['customerId'] });
    const placedAt = wanted ?? write.now;
    const { rows, total } = await priceItems(write.transaction, { items, currency });
    await assertTotalFits(write, { customerId, currency, total });
    const data = { customerId, currency, total: formatAmount(total), placedAt, updatedAt: write.now };
    const numbering = { given: number, prefix: 'SO', index: NUMBER_INDEX, now: placedAt };
    const order = await writeNumbered(numbering, (unique) =>
      write.transaction.order.create({ data: { ...data, number: unique } }),
    );
    await write.transaction.orderItem.createMany({ data: rows.map((row) => ({ ...row, orderId: order.id })) });
    await addToSummary(write, { customerId, currency, total, placedAt });
    await recordChange(write, {
      customerId,
      subject: { type: 'Order', id: order.id },
      version: order.version,
      action: 'CREATED',
      before: {},
      after: {
        number: order.number,
        status: order.status,
        currency,
        items: rows.length,
        total: money(formatAmount(total), currency).amount,
        placedAt,
      },
      values: valueTags(orders, order),
    });
    return { orderId: String(order.id) };
  },
  refused: () => ({ orderId: null }),
});

/** Changes an order's state, unless it already has that state. If refused, the payload shows the current order. */
export const updateOrderStatus = defineCommand({
  parse: (input: UpdateOrderStatusInput, problems) => ({
    id: parseId('Order', input.id, { path: ['id'], problems }),
    status: input.status,
    expectedVersion: input.expectedVersion,
  }),
  locks: ({ id }) => ['Order', id],
  async run(write, { id, status, expectedVersion }) {
    const { transaction } = write;
    const order = await lockOwned(write, {
      thing: 'order',
      find: () => transaction.order.findUnique({ where: { id } }),
      lock: () => transaction.$queryRaw`SELECT id FROM orders WHERE id = ${id} FOR UPDATE`,
      expectedVersion,
    });
    if (status !== order.status) {
      assertTransition(TRANSITIONS, order.status, status);
      const version = order.version + 1;
      await transaction.order.update({ where: { id }, data: { status, version, updatedAt: write.now } });
      if (isCounted(order.status) && !isCounted(status)) await takeFromSummary(write, order);
      await recordChange(write, {
        customerId: order.customerId,
        subject: { type: 'Order', id },
        version,
        action: 'UPDATED',
        before: { status: order.status },
        after: { status },
        values: valueTags(orders, order, { status }),
      });
    }
    return { orderId: String(id) };
  },
  refused: ({ id }) => ({ orderId: givenRow('Order', id) }),
});
