import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Connection } from 'mariadb';
import { startGateway, type TestGateway, PATIENT } from '../support/gateway.ts';
import { rowOf } from '../mutations/writing-gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { name version } userErrors { code } } }';

interface Held {
  readonly gateway: TestGateway;
  readonly id: string;
  /** How often a write was retried because somebody else held a row. */
  readonly retries: () => Promise<number>;
}

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** With a gateway and its own customer, whose row somebody else holds. */
async function holdingRow(work: (held: Held, connection: Connection) => Promise<void>): Promise<void> {
  // The row lock timeout is one second less than the statement timeout.
  const settings = { ...PATIENT, LIMIT_STATEMENT_MS: '3000' };
  const gateway = await startGateway({ databaseUrl: database.url, settings });
  try {
    const create = 'mutation { createCustomer(input: {name: "Held"}) { customer { id } } }';
    const { id } = (await gateway.data(create)).createCustomer.customer;
    await withConnection(database.url, async (connection) => {
      await connection.beginTransaction();
      await connection.query('SELECT id FROM customers WHERE id = ? FOR UPDATE', [rowOf(id)]);
      await work({ gateway, id, retries: () => lockWaits(gateway) }, connection);
    });
  } finally {
    await gateway.close();
  }
}

async function lockWaits({ url }: TestGateway): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = /^concierge_transaction_retries_total\{reason="lock wait"\} (\d+)$/m.exec(text);
  return Number(found?.[1] ?? 0);
}

test.concurrent('a write that waits too long for a row is rolled back and retried, which is counted', () =>
  holdingRow(async ({ gateway, id, retries }, connection) => {
    const answering = gateway.request(UPDATE, { variables: { input: { id, name: 'At last' } } });
    await until('another try', retries);
    await connection.rollback();
    const { data } = await answering;
    expect(data.updateCustomer).toEqual({ customer: { name: 'At last', version: 2 }, userErrors: [] });
  }),
);

test.concurrent(
  'a write to a row that stays locked ends in TIMEOUT after a limited number of tries, with nothing written',
  () =>
    holdingRow(async ({ gateway, id, retries }, connection) => {
      const { errors } = await gateway.request(UPDATE, { variables: { input: { id, name: 'Never' } } });
      expect(errors.map(({ extensions }) => extensions.code)).toEqual(['TIMEOUT']);
      await connection.rollback();
      const tried = await retries();
      expect(tried).toBeGreaterThanOrEqual(1);
      expect(tried).toBeLessThanOrEqual(4);
      const { customer } = await gateway.data(`{ customer(by: {id: "${id}"}) { name version } }`);
      expect(customer).toEqual({ name: 'Held', version: 1 });
    }),
);
