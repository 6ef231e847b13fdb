import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PATIENT, startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { startCuttingProxy, type CuttingProxy } from './cutting-proxy.ts';

const CREATE =
  'mutation($input: CreateCustomerInput!) { createCustomer(input: $input) { customer { id name } userErrors { code } } }';
const COMMIT = /^[^]{5}COMMIT/;

describe('a write whose connection to the database is lost during COMMIT', () => {
  let database: TestDatabase;
  let proxy: CuttingProxy;
  let gateway: TestGateway;
  beforeAll(async () => {
    database = await createDatabase();
    const url = new URL(database.url);
    proxy = await startCuttingProxy(Number(url.port));
    url.port = String(proxy.port);
    gateway = await startGateway({ databaseUrl: url.href, settings: PATIENT });
  });
  afterAll(async () => {
    await gateway.close();
    await proxy.close();
    await database.drop();
  });

  let made = 0;
  let name = '';
  beforeEach(() => {
    made += 1;
    name = `Lost ${made}`;
  });

  const create = (idempotencyKey?: string): Promise<Answer> =>
    gateway.request(CREATE, { variables: { input: { name, idempotencyKey } } });
  /** Customers with the name, through a separate connection. */
  const found = (): Promise<unknown[]> =>
    withConnection(database.url, (connection) => connection.query('SELECT id FROM customers WHERE name = ?', [name]));

  test('is done once and acknowledged if it has an idempotencyKey', async () => {
    const retries = await gateway.metric('concierge_transaction_retries_total');
    proxy.loseAnswers(COMMIT, 1);
    const answer = await create(`commit-${made}`);
    expect(answer.data.createCustomer).toEqual({ customer: { id: expect.any(String), name }, userErrors: [] });
    expect(await found()).toHaveLength(1);
    expect(await gateway.metric('concierge_transaction_retries_total')).toBe(retries + 1);
    expect(await gateway.metric('concierge_replayed_writes_total')).toBe(1);
  });

  test('can be sent again with its key if the connection is lost again, and the client learns the outcome', async () => {
    proxy.loseAnswers(COMMIT, 2);
    const { errors } = await create(`commit-${made}`);
    expect(errors.map(({ message, extensions }) => [extensions.code, message])).toEqual([
      [
        'SERVICE_UNAVAILABLE',
        'The connection to the database was lost during COMMIT, so the write may or may not be done. ' +
          'Send it again with the same idempotencyKey to find out.',
      ],
    ]);
    expect(await found()).toHaveLength(1);
    const again = await create(`commit-${made}`);
    expect(again.data.createCustomer).toEqual({ customer: { id: expect.any(String), name }, userErrors: [] });
    expect(await found()).toHaveLength(1);
  });

  test('is not retried without a key, and the error says that the outcome is unknown', async () => {
    proxy.loseAnswers(COMMIT, 1);
    const { errors } = await create();
    expect(errors.map(({ message, extensions }) => [extensions.code, message])).toEqual([
      [
        'SERVICE_UNAVAILABLE',
        'The connection to the database was lost during COMMIT, so the write may or may not be done. ' +
          'Check before you send it again; with an idempotencyKey, you could send it again safely.',
      ],
    ]);
    expect(await found()).toHaveLength(1);
  });

  test('is rolled back by the server if the COMMIT did not reach it, and done by the retry', async () => {
    proxy.cutNext(COMMIT, 1);
    const retries = await gateway.metric('concierge_transaction_retries_total');
    const answer = await create(`commit-${made}`);
    expect(answer.data.createCustomer.customer).toEqual({ id: expect.any(String), name });
    expect(await gateway.metric('concierge_transaction_retries_total')).toBe(retries + 1);
    expect(await found()).toHaveLength(1);
  });
});
