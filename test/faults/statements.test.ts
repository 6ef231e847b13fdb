import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { PATIENT_WITH_DATABASE, startGateway, type TestGateway } from '../support/gateway.ts';
import { measured } from '../support/patience.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { lockTable, untilWholePool } from './table-lock.ts';

/** Enough for the statements that wait for nothing, on a busy machine. */
const STATEMENT_MS = 3_000;
const TIMEOUT = { message: 'A statement took longer than allowed; request less at once.', code: 'TIMEOUT' };

describe('a statement that takes longer than LIMIT_STATEMENT_MS', () => {
  let database: TestDatabase;
  let gateway: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    await seedDatabase({ databaseUrl: database.url, customers: 20, ordersPerCustomer: 1, seed: 1 });
    gateway = await startGateway({
      databaseUrl: database.url,
      settings: {
        ...PATIENT_WITH_DATABASE,
        LIMIT_STATEMENT_MS: String(STATEMENT_MS),
        LIMIT_DATABASE_CONNECTIONS: '5',
      },
    });
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });

  /** The code and message of each error. Also checks that the request was given its time. */
  async function refusal(query: string, variables: Readonly<Record<string, unknown>> = {}) {
    const { result, tookMs } = await measured(() => gateway.request(query, { variables }));
    expect(tookMs).toBeGreaterThan(STATEMENT_MS - 100);
    return result.errors.map(({ message, extensions }) => ({ message, code: extensions.code }));
  }

  async function expectWholePool(): Promise<void> {
    const ask = () => gateway.request('{ products(first: 1) { nodes { sku } } }');
    await untilWholePool(5, { databaseUrl: database.url, table: 'products' }, ask);
  }

  test('is stopped in the server and reported as TIMEOUT, and its connection is used again', async () => {
    const lock = await lockTable(database.url, 'customers');
    const asked = Array.from({ length: 5 }, () => refusal('{ customers { nodes { name } } }'));
    expect(await Promise.all(asked)).toEqual(asked.map(() => [TIMEOUT]));
    expect(await lock.statements()).toBe(0);
    await lock.release();
    await expectWholePool();
    expect((await gateway.data('{ customers { totalCount } }')).customers.totalCount).toBe(20);
  });

  test.each([
    ['to read a row', 'SELECT id FROM customers FOR UPDATE'],
    ['to change one', 'SELECT tag FROM customer_tags FOR UPDATE'],
  ])('because it waits for a lock %s rolls back the write', async (_, lockRows) => {
    const { customers } = await gateway.data('{ customers(first: 20) { nodes { id name version tags } } }');
    const { tags, ...customer } = customers.nodes.find((node: { tags: string[] }) => node.tags.length > 0);
    expect(tags).not.toEqual([]);
    const update = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';
    await withConnection(database.url, async (connection) => {
      await connection.beginTransaction();
      await connection.query(lockRows);
      expect(await refusal(update, { input: { id: customer.id, name: 'Too late' } })).toEqual([TIMEOUT]);
      await connection.rollback();
    });
    const after = await gateway.data(`{ customer(by: {id: "${customer.id}"}) { id name version } }`);
    expect(after.customer).toEqual(customer);
    expect(
      (await gateway.request(update, { variables: { input: { id: customer.id, name: 'In time' } } })).errors,
    ).toEqual([]);
    await expectWholePool();
    expect(await gateway.metric('concierge_masked_errors_total')).toBe(0);
  });
});
