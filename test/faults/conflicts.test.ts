import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { rowOf } from '../mutations/writing-gateway.ts';
import { PATIENT, startGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { packet } from '../support/mysql-packets.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { startLyingProxy, type LyingProxy } from './lying-proxy.ts';

const UPDATE =
  'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { customer { name version } userErrors { code } } }';

const serverError = (number: number, sqlState: string): Buffer =>
  packet(1, Buffer.concat([Buffer.from([0xff, number & 255, number >> 8]), Buffer.from(`#${sqlState}planted`)]));

const CONFLICTS = [
  { name: 'a deadlock', reason: 'conflict', error: serverError(1213, '40001') },
  { name: 'an unknown number with SQLSTATE 40001', reason: 'conflict', error: serverError(4999, '40001') },
  { name: 'a rollback during COMMIT', reason: 'conflict', error: serverError(3101, 'HY000') },
  { name: 'a lock wait timeout', reason: 'lock wait', error: serverError(1205, 'HY000') },
] as const;

const STATEMENTS = [
  { place: 'the lock of the row', isMeant: (sql: string) => / FROM customers WHERE id = .*FOR UPDATE$/.test(sql) },
  { place: 'an INSERT', isMeant: (sql: string) => /^INSERT .*\bcustomer_changes\b/.test(sql) },
  { place: 'COMMIT', isMeant: (sql: string) => sql === 'COMMIT' },
] as const;

const KEYS = [
  { keyed: 'without a key', hasKey: false },
  { keyed: 'with an idempotencyKey', hasKey: true },
] as const;

const CASES = CONFLICTS.flatMap((conflict) =>
  STATEMENTS.flatMap((statement) => KEYS.map((key) => ({ ...conflict, ...statement, ...key }))),
);

describe('a write that the database rolls back because of a conflict', () => {
  let database: TestDatabase;
  let proxy: LyingProxy;
  let gateway: TestGateway;
  let id = '';
  let written = 0;
  beforeAll(async () => {
    database = await createDatabase();
    const url = new URL(database.url);
    proxy = await startLyingProxy(Number(url.port));
    url.port = String(proxy.port);
    gateway = await startGateway({ databaseUrl: url.href, settings: PATIENT });
  });
  afterAll(async () => {
    await gateway.close();
    await proxy.close();
    await database.drop();
  });

  beforeEach(async () => {
    written += 1;
    const create = 'mutation { createCustomer(input: {name: "Before"}) { customer { id } } }';
    ({ id } = (await gateway.data(create)).createCustomer.customer);
  });

  const update = (hasKey: boolean): Promise<Answer> =>
    gateway.request(UPDATE, {
      variables: { input: { id, name: 'After', idempotencyKey: hasKey ? `key ${written}` : null } },
    });
  const rows = (sql: string): Promise<unknown[]> =>
    withConnection(database.url, (connection) => connection.query(sql, [rowOf(id)]));
  const versions = () => rows('SELECT version FROM customer_changes WHERE customer_id = ? ORDER BY id');
  const retriesOf = async (reason: string): Promise<number> => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    return Number(
      new RegExp(`^concierge_transaction_retries_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
    );
  };

  test.each(CASES)('with $name in place of $place, $keyed, is written once by the retry', async (given) => {
    const [retries, lies] = [await retriesOf(given.reason), proxy.lies()];
    proxy.rollBackNext(given.isMeant, given.error, 1);
    const { data, errors } = await update(given.hasKey);
    expect(errors).toEqual([]);
    expect(data.updateCustomer).toEqual({ customer: { name: 'After', version: 2 }, userErrors: [] });
    expect(proxy.lies()).toBe(lies + 1);
    expect(await versions()).toEqual([{ version: 1 }, { version: 2 }]);
    expect(await retriesOf(given.reason)).toBe(retries + 1);
  });

  test.each(KEYS)(
    'and again in every try, $keyed, is given up after five, and says that nothing is written',
    async ({ hasKey }) => {
      const [deadlock] = CONFLICTS;
      const [retries, lies] = [await retriesOf('conflict'), proxy.lies()];
      // One more would be answered if there were a sixth try.
      proxy.rollBackNext(STATEMENTS[2].isMeant, deadlock.error, 6);
      const { errors } = await update(hasKey);
      expect(proxy.lies()).toBe(lies + 5);
      proxy.rollBackNext(() => false, deadlock.error, 0);
      expect(errors.map(({ message, extensions }) => [extensions.code, message])).toEqual([
        [
          'SERVICE_UNAVAILABLE',
          'The write conflicted with other writes each time that it was tried, so nothing was written; try again.',
        ],
      ]);
      expect(await versions()).toEqual([{ version: 1 }]);
      expect(await retriesOf('conflict')).toBe(retries + 4);
    },
  );

  test('and of which an earlier try was lost during COMMIT, says that it may or may not be done', async () => {
    const [deadlock] = CONFLICTS;
    // The server commits the first, but nobody hears of it; the other tries do not get as far as the stored outcome.
    proxy.spoilNext(
      (command) => command.toString('latin1', 5) === 'COMMIT',
      () => {
        proxy.rollBackNext((sql) => /\bidempotency_keys\b/.test(sql), deadlock.error, 9);
        return { bytes: Buffer.alloc(0), cuts: true };
      },
    );
    const { errors } = await update(true);
    proxy.rollBackNext(() => false, deadlock.error, 0);
    expect(errors.map(({ message, extensions }) => [extensions.code, message])).toEqual([
      ['SERVICE_UNAVAILABLE', expect.stringContaining('the write may or may not be done')],
    ]);
    expect(await versions()).toEqual([{ version: 1 }, { version: 2 }]);
    const { data } = await update(true);
    expect(data.updateCustomer).toEqual({ customer: { name: 'After', version: 2 }, userErrors: [] });
  });
});
