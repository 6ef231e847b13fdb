import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Connection } from 'mariadb';
import { startGateway, type TestGateway, PATIENT } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';

const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { name version } userErrors { code } } }';

let database: TestDatabase;
let gateway: TestGateway;
let id: string;
beforeAll(async () => {
  database = await createDatabase();
  // Rows are waited for one second less than a statement may take.
  gateway = await startGateway({
    databaseUrl: database.url,
    settings: { ...PATIENT, LIMIT_STATEMENT_MS: '3000' },
  });
  const create = 'mutation { createCustomer(input: {name: "Held"}) { customer { id } } }';
  ({ id } = (await gateway.data(create)).createCustomer.customer);
});
afterAll(async () => {
  await gateway.close();
  await database.drop();
});

const retries = async (reason: string): Promise<number> => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const found = new RegExp(`^concierge_transaction_retries_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text);
  return Number(found?.[1] ?? 0);
};

async function holdingRow(work: (connection: Connection) => Promise<void>): Promise<void> {
  await withConnection(database.url, async (connection) => {
    await connection.beginTransaction();
    await connection.query('SELECT id FROM customers FOR UPDATE');
    await work(connection);
  });
}

test('a write that waits too long for a row is undone and run again, which is counted', async () => {
  const before = await retries('lock wait');
  await holdingRow(async (connection) => {
    const answering = gateway.request(UPDATE, { variables: { input: { id, name: 'At last' } } });
    await until(
      'another try',
      () => retries('lock wait'),
      (count) => count > before,
    );
    await connection.rollback();
    const { data } = await answering;
    expect(data.updateCustomer).toEqual({ customer: { name: 'At last', version: 2 }, userErrors: [] });
  });
  // More than one when the row was let go of late.
  expect(await retries('lock wait')).toBeGreaterThan(before);
});

test('a row that stays locked ends in TIMEOUT after a bounded number of tries, with nothing written', async () => {
  const before = await retries('lock wait');
  await holdingRow(async (connection) => {
    const { errors } = await gateway.request(UPDATE, { variables: { input: { id, name: 'Never' } } });
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['TIMEOUT']);
    await connection.rollback();
  });
  const tried = (await retries('lock wait')) - before;
  expect(tried).toBeGreaterThanOrEqual(1);
  expect(tried).toBeLessThanOrEqual(4);
  const { customer } = await gateway.data(`{ customer(by: {id: "${id}"}) { name version } }`);
  expect(customer).toEqual({ name: 'At last', version: 2 });
});
