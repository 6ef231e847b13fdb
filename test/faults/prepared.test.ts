import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway } from '../support/gateway.ts';
import { startOwnServers, withConnection, type OwnServers } from '../support/servers.ts';

const QUERY = `{ customers(first: 3) { nodes { id name createdAt version tags summary { orderCount lifetimeValue { amount } }
  orders(first: 2) { nodes { number total { amount currency } placedAt items { quantity } } } } } }`;
const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { name } userErrors { code } } }';

let servers: OwnServers;
beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 20, ordersPerCustomer: 3, seed: 1 });
});
afterAll(() => servers.close());

const onServer = <Row>(sql: string): Promise<Row[]> =>
  withConnection(servers.database.url, (connection) => connection.query<Row[]>(sql));
const prepared = async (): Promise<number> => {
  const [row] = await onServer<{ Value: string }>("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'");
  return Number(row?.Value);
};
const start = (settings: Readonly<Record<string, string>> = {}) =>
  startGateway({ databaseUrl: servers.database.url, settings: { ...PATIENT, ...settings } });

describe('statements that a gateway prepares', () => {
  test('are no more than LIMIT_PREPARED_STATEMENTS, on all connections together', async () => {
    const gateway = await start({ LIMIT_PREPARED_STATEMENTS: '40' });
    // About a hundred statements: by requested fields and by number of parents.
    for (let customers = 1; customers <= 20; customers += 1)
      await Promise.all(
        ['orders', 'tickets', 'interactions'].map((list) =>
          gateway.data(`{ customers(first: ${customers}) { nodes { ${list}(first: 1) { nodes { id } } } } }`),
        ),
      );
    const count = await prepared();
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(40);
    await gateway.close();
  });

  test('are none with LIMIT_PREPARED_STATEMENTS=0, and answers are the same', async () => {
    const [usual, without] = [await start(), await start({ LIMIT_PREPARED_STATEMENTS: '0' })];
    const expected = await usual.data(QUERY);
    await usual.close();
    expect(await without.data(QUERY)).toEqual(expected);
    expect(await prepared()).toBe(0);
    await without.close();
  });

  test('run unprepared when the server has no room for more, and that is counted', async () => {
    const usual = await start();
    const expected = await usual.data(QUERY);
    await usual.close();
    const gateway = await start();
    try {
      await onServer('SET GLOBAL max_prepared_stmt_count = 0');
      expect(await gateway.data(QUERY)).toEqual(expected);
      const [{ id }] = expected.customers.nodes;
      const { updateCustomer } = await gateway.data(UPDATE, { input: { id, name: 'O\'Hara \\ "?" 张' } });
      expect(updateCustomer).toEqual({ customer: { name: 'O\'Hara \\ "?" 张' }, userErrors: [] });
      expect(await gateway.metric('concierge_unprepared_statements_total')).toBeGreaterThan(5);
    } finally {
      await onServer('SET GLOBAL max_prepared_stmt_count = 16382');
    }
    const before = await gateway.metric('concierge_unprepared_statements_total');
    await gateway.data(QUERY);
    expect(await gateway.metric('concierge_unprepared_statements_total')).toBe(before);
    expect(await gateway.metric('concierge_masked_errors_total')).toBe(0);
    await gateway.close();
  });
});
