import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT, startGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { startOwnServers, withConnection, type OwnServers } from '../support/servers.ts';

const QUERY = `{ customers(first: 3) { nodes { id name createdAt version tags summary { orderCount lifetimeValue { amount } }
  orders(first: 2) { nodes { number total { amount currency } placedAt items { quantity } } } } } }`;
const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { name } userErrors { code } } }';

let servers: OwnServers;
const gateways: TestGateway[] = [];
beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 20, ordersPerCustomer: 3, seed: 1 });
});
afterEach(() => Promise.all(gateways.splice(0).map((gateway) => gateway.close())));
afterAll(() => servers.close());

const onServer = <Row>(sql: string): Promise<Row[]> =>
  withConnection(servers.database.url, (connection) => connection.query<Row[]>(sql));
const prepared = async (): Promise<number> => {
  const [row] = await onServer<{ Value: string }>("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'");
  return Number(row?.Value);
};
async function start(settings: Readonly<Record<string, string>> = {}): Promise<TestGateway> {
  const gateway = await startGateway({ databaseUrl: servers.database.url, settings: { ...PATIENT, ...settings } });
  gateways.push(gateway);
  return gateway;
}

describe('statements that a gateway prepares', () => {
  // The gateway opens up to 13 connections: 10, and 3 spare ones.
  test.each([40, 26, 25, 13, 5, 2, 1])(
    'are never more than LIMIT_PREPARED_STATEMENTS=%i, on all connections together',
    async (most) => {
      const gateway = await start({ LIMIT_PREPARED_STATEMENTS: String(most) });
      try {
        // The server refuses to prepare one more, even for a moment, and the gateway counts that.
        await onServer(`SET GLOBAL max_prepared_stmt_count = ${most}`);
        // About a hundred statements: by requested fields and by number of parents.
        for (let customers = 1; customers <= 20; customers += 5)
          await Promise.all(
            Array.from({ length: 15 }, (_, i) => {
              const list = ['orders', 'tickets', 'interactions'][i % 3];
              const query = `{ customers(first: ${customers + (i % 5)}) { nodes { ${list}(first: 1) { nodes { id } } } } }`;
              return gateway.data(query);
            }),
          );
        expect(await prepared()).toBeLessThanOrEqual(most);
        if (most > 1) expect(await prepared()).toBeGreaterThan(0);
        expect(await gateway.metric('concierge_unprepared_statements_total')).toBe(0);
      } finally {
        await onServer('SET GLOBAL max_prepared_stmt_count = 16382');
      }
      await gateway.close();
      await until('the server to forget them', prepared, (count) => count === 0);
    },
  );

  test('may use the share of a lost connection', async () => {
    const gateway = await start({ LIMIT_PREPARED_STATEMENTS: '2', LIMIT_DATABASE_CONNECTIONS: '1' });
    await until('one to be prepared', async () => {
      await gateway.data(QUERY);
      return prepared();
    });
    const others = await onServer<{ id: bigint }>(
      'SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = "root"',
    );
    for (const { id } of others) await onServer(`KILL ${id}`);
    await until('the server to forget it', prepared, (count) => count === 0);
    await until('one to be prepared again', async () => {
      await gateway.request(QUERY);
      return prepared();
    });
  });

  test('are none with LIMIT_PREPARED_STATEMENTS=0, and results are the same', async () => {
    const [usual, without] = [await start(), await start({ LIMIT_PREPARED_STATEMENTS: '0' })];
    const expected = await usual.data(QUERY);
    await usual.close();
    expect(await without.data(QUERY)).toEqual(expected);
    expect(await prepared()).toBe(0);
    await without.close();
  });

  test('run unprepared if the server has no room for more, and that is counted', async () => {
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
