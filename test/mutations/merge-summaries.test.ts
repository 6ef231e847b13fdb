import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { customerOf, idOf, rowOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;
beforeAll(async () => {
  gateway = await startWritingGateway();
});
afterAll(() => gateway.close());

describe('mergeCustomers', () => {
  test.each([
    ['999999999999999.9999', '0.0001', '1000000000000000.0000'],
    ['-999999999999999.9999', '-0.0001', '-1000000000000000.0000'],
  ])('is refused if the totals %s and %s do not fit together, and changes nothing', async (own, others, sum) => {
    const ids: string[] = [];
    for (const amount of [own, others]) {
      const { id } = customerOf(await gateway.create({ name: 'Rich' }));
      await gateway.sql("INSERT INTO customer_values VALUES (?, 'EUR', ?), (?, 'USD', 1)", [
        ...[rowOf(id), amount, rowOf(id)],
      ]);
      ids.push(id);
    }
    const [keepId, mergeId] = ids;
    const before = await gateway.everything();
    expect((await gateway.merge({ keepId, mergeId })).userErrors).toEqual([
      {
        code: 'INVALID_INPUT',
        message: `Expected orders of both customers with a sum of at most 999999999999999.9999 EUR, got ${sum}.`,
        path: ['input', 'mergeId'],
      },
    ]);
    expect(await gateway.everything()).toEqual(before);
    await gateway.sql('DELETE FROM customer_values WHERE customer_id IN (?, ?)', [rowOf(keepId), rowOf(mergeId)]);
  });

  test.each([
    ['kept', [0]],
    ['merged', [1]],
    ['kept and the merged', [0, 1]],
  ])('adds up the orders and tickets if the %s customer has no stored summary', async (_, without) => {
    const [product] = await gateway.sql('SELECT id FROM products LIMIT 1');
    const ids: string[] = [];
    for (const [i, name] of ['A', 'B'].entries()) {
      const { id } = customerOf(await gateway.create({ name }));
      ids.push(id);
      for (let n = 0; n <= i; n += 1) {
        const items = [{ product: { id: idOf('Product', Number(product?.['id'])) }, quantity: 1, unitPrice: '19.99' }];
        expect((await gateway.order({ customerId: id, currency: 'EUR', items })).userErrors).toEqual([]);
        expect((await gateway.openTicket({ customerId: id, subject: 'Late' })).userErrors).toEqual([]);
      }
    }
    const [keepId, mergeId] = ids;
    for (const i of without) {
      for (const table of ['customer_stats', 'customer_values'])
        await gateway.sql(`DELETE FROM ${table} WHERE customer_id = ?`, [rowOf(ids[i])]);
      // As another program may leave it, of a currency without orders.
      await gateway.sql("INSERT INTO customer_values VALUES (?, 'USD', 1)", [rowOf(ids[i])]);
    }
    expect((await gateway.merge({ keepId, mergeId })).userErrors).toEqual([]);
    const { customer } = await gateway.data(
      'query($id: ID!) { customer(by: { id: $id }) { summary { orderCount openTicketCount lifetimeValue { amount currency } } } }',
      { id: keepId },
    );
    expect(customer.summary).toMatchObject({
      orderCount: 3,
      openTicketCount: 3,
      lifetimeValue: [{ amount: '59.97', currency: 'EUR' }],
    });
    expect(await gateway.sql('SELECT * FROM customer_stats WHERE customer_id = ?', [rowOf(mergeId)])).toEqual([]);
  });
});
