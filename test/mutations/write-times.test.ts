import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openConnection } from '../support/servers.ts';
import {
  customerOf,
  idOf,
  orderOf,
  rowOf,
  startWritingGateway,
  ticketOf,
  untilWaiting,
  type WritingGateway,
} from './writing-gateway.ts';

let gateway: WritingGateway;
beforeAll(async () => {
  gateway = await startWritingGateway();
});
afterAll(() => gateway.close());

/** What a write needs: a customer, another one, and an order and a ticket of the first. */
interface Given {
  readonly id: string;
  readonly other: string;
  readonly order: string;
  readonly ticket: string;
}

const WRITES: readonly (readonly [string, (given: Given) => Promise<unknown>])[] = [
  ['updateCustomer', ({ id }) => gateway.update({ id, name: 'Later' })],
  ['addTags', ({ id }) => gateway.addTags({ customerId: id, tags: ['later'] })],
  ['removeTags', ({ id }) => gateway.removeTags({ customerId: id, tags: ['first'] })],
  ['setAddresses', ({ id }) => gateway.setAddresses({ customerId: id, addresses: [{ line1: 'Later Street' }] })],
  ['mergeCustomers, of the kept one,', ({ id, other }) => gateway.merge({ keepId: id, mergeId: other })],
  ['mergeCustomers, of the merged one,', ({ id, other }) => gateway.merge({ keepId: other, mergeId: id })],
  ['deleteCustomer', ({ id }) => gateway.remove({ id })],
  ['createOrder', ({ id }) => gateway.order({ customerId: id, ...ORDER })],
  ['updateOrderStatus', ({ order }) => gateway.advance({ id: order, status: 'PAID' })],
  ['openTicket', ({ id }) => gateway.openTicket({ customerId: id, subject: 'Later' })],
  ['updateTicket', ({ ticket }) => gateway.updateTicket({ id: ticket, subject: 'Later' })],
  ['logInteraction', ({ id }) => gateway.log({ customerId: id, kind: 'NOTE', body: 'Later' })],
];
const ORDER = { currency: 'EUR', items: [{ product: { id: idOf('Product', 1) }, quantity: 1, unitPrice: '1' }] };
/** What the write that was faster stored: later than the clock of this machine, as another machine's may be. */
const AHEAD = new Date('2090-01-01T00:00:00.000Z');

describe('a write that waits for another one', () => {
  test.each(WRITES)('has a later time, even if the clocks differ: %s', async (_name, write) => {
    const { id } = customerOf(await gateway.create({ name: 'First', tags: ['first'] }));
    const given: Given = {
      id,
      other: customerOf(await gateway.create({ name: 'Other' })).id,
      order: orderOf(await gateway.order({ customerId: id, ...ORDER })).id,
      ticket: ticketOf(await gateway.openTicket({ customerId: id, subject: 'First' })).id,
    };
    const [{ last } = {}] = await gateway.sql('SELECT MAX(id) AS last FROM customer_changes');
    const holder = await openConnection(gateway.databaseUrl);
    try {
      await holder.beginTransaction();
      await holder.query('UPDATE customers SET updated_at = ? WHERE id = ?', [AHEAD, rowOf(id)]);
      const writing = write(given);
      await untilWaiting(1, gateway);
      for (const [table, row] of [
        ['orders', given.order],
        ['tickets', given.ticket],
      ] as const)
        await holder.query(`UPDATE ${table} SET updated_at = ? WHERE id = ?`, [AHEAD, rowOf(row)]);
      await holder.commit();
      await writing;
    } finally {
      await holder.end();
    }
    const entries = await gateway.sql('SELECT occurred_at FROM customer_changes WHERE id > ?', [last]);
    expect(entries.length).toBeGreaterThan(0);
    for (const { occurred_at: at } of entries) expect((at as Date).getTime()).toBeGreaterThan(AHEAD.getTime());
  });

  test('of a row with the last time that can be stored succeeds', async () => {
    const { id } = customerOf(await gateway.create({ name: 'Last' }));
    await gateway.sql("UPDATE customers SET updated_at = '9999-12-31 23:59:59.999' WHERE id = ?", [rowOf(id)]);
    expect((await gateway.update({ id, name: 'Later' })).userErrors).toEqual([]);
  });
});
