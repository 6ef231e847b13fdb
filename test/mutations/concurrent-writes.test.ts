import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { codes, times } from './at-once.ts';
import { customerOf, idOf, rowOf, startWritingGateway, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

describe('concurrent writes', () => {
  test('of one email address succeed once, and the others are refused', async () => {
    for (let round = 0; round < 5; round += 1) {
      const email = `wanted-${round}@example.com`;
      const answers = await times(8, (i) => gateway.create({ name: `Racer ${i}`, email, tags: ['a', 'b'] }));
      expect(codes(answers)).toEqual([...Array.from({ length: 7 }, () => 'ALREADY_EXISTS'), undefined]);
      expect(await gateway.sql('SELECT version FROM customers WHERE email = ?', [email])).toEqual([{ version: 1 }]);
    }
  });

  test('of the same email addresses and external ids crosswise succeed as often as possible, without server errors', async () => {
    for (let round = 0; round < 5; round += 1) {
      const answers = await times(8, (i) =>
        gateway.create({
          name: 'x',
          email: `cross-${round}-${i % 2}@example.com`,
          externalId: `cross-${round}-${i % 4}`,
        }),
      );
      expect(codes(answers)).toEqual([...Array.from({ length: 6 }, () => 'ALREADY_EXISTS'), undefined, undefined]);
    }
  });

  test('with the same expectedVersion succeed exactly once', async () => {
    const { id } = customerOf(await gateway.create({ name: 'Start' }));
    for (let expectedVersion = 1; expectedVersion <= 5; expectedVersion += 1) {
      const answers = await times(2, (i) => gateway.update({ id, expectedVersion, name: `${expectedVersion}.${i}` }));
      expect(codes(answers)).toEqual(['CONFLICT', undefined]);
      const [row] = await gateway.sql('SELECT version, name FROM customers WHERE id = ?', [rowOf(id)]);
      const winner = answers.find(({ userErrors }) => userErrors.length === 0)?.customer;
      expect(row).toEqual({ version: expectedVersion + 1, name: winner?.name });
    }
  });

  test('without expectedVersion all succeed, one after the other, each with its own version', async () => {
    const { id } = customerOf(await gateway.create({ name: 'Start' }));
    const answers = await times(8, (i) => gateway.update({ id, company: `Company ${i}` }));
    expect(codes(answers)).toEqual(Array.from({ length: 8 }));
    const changes = await gateway.sql('SELECT version FROM customer_changes WHERE customer_id = ? ORDER BY version', [
      rowOf(id),
    ]);
    expect(changes).toEqual(Array.from({ length: 9 }, (_, i) => ({ version: i + 1 })));
  });

  test('that swap email addresses never cause a server error', async () => {
    const ids = await times(
      2,
      async (i) => customerOf(await gateway.create({ name: 'Swap', email: `swap-${i}@example.com` })).id,
    );
    for (let round = 0; round < 5; round += 1) {
      const answers = await times(2, (i) => gateway.update({ id: ids[i], email: `swap-${1 - i}@example.com` }));
      for (const code of codes(answers)) expect(['ALREADY_EXISTS', undefined]).toContain(code);
    }
  });

  test('about a customer that is being deleted are done before the deletion or not at all', async () => {
    const { id } = customerOf(await gateway.create({ name: 'Short-lived', tags: ['a'] }));
    const note = { customerId: id, kind: 'NOTE', body: 'x', agentId: idOf('Agent', 1) };
    const [, ...answers] = await Promise.all([
      gateway.remove({ id }),
      ...Array.from({ length: 4 }, () => gateway.log(note)),
      ...Array.from({ length: 3 }, (_, i) => gateway.update({ id, name: `Name ${i}` })),
    ]);
    for (const code of codes(answers)) expect(['NOT_FOUND', undefined]).toContain(code);
    for (const table of ['customer_tags', 'customer_stats', 'interactions'])
      expect(await gateway.sql(`SELECT * FROM ${table} WHERE customer_id = ?`, [rowOf(id)])).toEqual([]);
    const changes = await gateway.sql('SELECT action FROM customer_changes WHERE customer_id = ? ORDER BY id', [
      rowOf(id),
    ]);
    expect(changes.at(-1)).toEqual({ action: 'DELETED' });
  });
});
