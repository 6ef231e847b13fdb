import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createConnection } from 'mariadb';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { connectionOptions } from '../../src/db/database.ts';
import { ANY_COST, startGateway, PATIENT } from '../support/gateway.ts';
import { pause, until } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
import { createDatabase, processlist, withConnection, type TestDatabase } from '../support/servers.ts';
import { lockTable, type TableLock } from './table-lock.ts';

const DEEP = `{ agents(first: 5) { nodes { customers(first: 50) { nodes { orders(first: 10) { nodes {
  items { product { name } } } } } } } } }`;

describe('a request that nobody is waiting for any more', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
    await seedDatabase({ databaseUrl: database.url, customers: 300, ordersPerCustomer: 5, seed: 1 });
  });
  afterAll(() => database.drop());

  /** Releases the waiting statements, after which a gateway that continues would query the next level. */
  const letGoOn = async (lock: TableLock): Promise<void> => {
    await lock.release();
    await until(
      'no statement to be under way',
      () => lock.statements(),
      (count) => count === 0,
    );
    await pause(700);
  };

  test('sends no more statements once its time is up', async () => {
    const gateway = await startGateway({
      databaseUrl: database.url,
      settings: { ...ANY_COST, ...PATIENT, LIMIT_REQUEST_MS: '500' },
    });
    const lock = await lockTable(database.url, 'orders');
    const answers = await Promise.all(Array.from({ length: 5 }, () => gateway.request(DEEP)));
    expect(new Set(answers.map(({ errors }) => errors[0]?.extensions.code))).toEqual(new Set(['TIMEOUT']));
    // Statements in flight when time was up return; the levels below are not queried.
    expect(Object.fromEntries(await gateway.statementsOf(() => letGoOn(lock)))).toEqual({});
    await gateway.close();
  });

  test('commits nothing that it was still writing when its time was up, and says that it may have before', async () => {
    const gateway = await startGateway({
      databaseUrl: database.url,
      settings: { ...PATIENT, LIMIT_REQUEST_MS: '3000', LIMIT_STATEMENT_MS: '60000' },
    });
    const [first, second] = [
      await createConnection(connectionOptions(database.url)),
      await createConnection(connectionOptions(database.url)),
    ];
    for (const [id, connection] of [
      [1, first],
      [2, second],
    ] as const) {
      await connection.beginTransaction();
      await connection.query('SELECT id FROM customers WHERE id = ? FOR UPDATE', [id]);
    }
    const update = (id: number) =>
      `updateCustomer(input: { id: "${nodeId('Customer', id)}", company: "Late" }) { userErrors { code } }`;
    const answering = gateway.request(`mutation { a: ${update(1)} b: ${update(2)} }`);
    // The first field takes a part of the time, so that the second one could go on after the request has ended.
    await pause(1_000);
    await first.end();
    const { errors } = await answering;
    expect(errors.map(({ message, extensions }) => [extensions.code, message])).toEqual([
      [
        'TIMEOUT',
        'The request took longer than 3000 ms. Some of its writes may be done: check before you send it again, or send it with the same idempotencyKey to find out.',
      ],
    ]);
    await second.end();
    const companies = async () =>
      (
        await withConnection(database.url, (sql) =>
          sql.query<{ company: string | null }[]>(
            'SELECT company FROM customers WHERE id IN (1, 2) ORDER BY id FOR UPDATE',
          ),
        )
      ).map(({ company }) => company);
    // Waits for the lock that the write has by now, so until it has ended.
    const [, late] = await companies();
    expect(late).not.toBe('Late');
    await gateway.close();
  });

  test('sends no more statements once its client has gone', async () => {
    const gateway = await startGateway({ databaseUrl: database.url, settings: { ...ANY_COST, ...PATIENT } });
    const whole = await gateway.statementsOf(() => gateway.data(DEEP));
    const lock = await lockTable(database.url, 'orders');
    const leaving = new AbortController();
    const all = await gateway.statementsOf(async () => {
      const asked = fetch(`${gateway.url}/graphql?query=${encodeURIComponent(DEEP)}`, { signal: leaving.signal });
      await lock.waiting(1);
      leaving.abort();
      await expect(asked).rejects.toThrow(/aborted/);
      await until(
        'the gateway to notice',
        () => gateway.metric('concierge_http_requests_in_flight'),
        (count) => count === 1,
      );
      await letGoOn(lock);
    });
    // The first three of five levels.
    expect(whole.size).toBe(5);
    expect([...all.keys()]).toEqual([...whole.keys()].slice(0, 3));
    await gateway.close();
  });

  test('sends no more statements of a write, and commits none, once its client has gone', async () => {
    // One transaction at a time, so that the next one begins after this one has ended.
    const settings = { ...PATIENT, LIMIT_DATABASE_CONNECTIONS: '2' };
    const gateway = await startGateway({ databaseUrl: database.url, settings });
    const update = (company: string) =>
      `mutation { updateCustomer(input: { id: "${nodeId('Customer', 3)}", company: "${company}" }) { userErrors { code } } }`;
    const lockRow = 'SELECT company FROM customers WHERE id = 3 FOR UPDATE';
    const whole = await gateway.statementsOf(() => gateway.data(update('Before')));
    const leaving = new AbortController();
    const asked = await withConnection(database.url, async (holder) => {
      await holder.beginTransaction();
      await holder.query(lockRow);
      const pending = fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: update('After') }),
        signal: leaving.signal,
      });
      await until(
        'the write to wait for the row',
        () =>
          withConnection(database.url, (other) =>
            other.query<unknown[]>(
              `SELECT 1 FROM ${processlist(other)} WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE '%customers%FOR UPDATE%'`,
            ),
          ),
        ({ length }) => length === 1,
      );
      leaving.abort();
      await expect(pending).rejects.toThrow(/aborted/);
      await until(
        'the gateway to notice',
        () => gateway.metric('concierge_http_requests_in_flight'),
        (count) => count === 1,
      );
      // The end of the transaction lets go of the row that the write waits for.
      return gateway.statementsOf(async () => {
        await holder.rollback();
        // Waits until the write has ended, if it got the row first.
        const [row] = await holder.query<{ company: string }[]>(lockRow);
        expect(row?.company).toBe('Before');
        await gateway.data(update('Later'));
      });
    });
    // Those of the later write, the one that was waiting for the row, and ROLLBACK.
    const ofOne = whole.get('write') ?? 0;
    expect(ofOne).toBeGreaterThan(2);
    expect(Object.fromEntries(asked)).toEqual({ write: ofOne + 2 });
    await gateway.close();
  });

  test('does not send the statement for which it was still waiting for a connection', async () => {
    const settings = { ...ANY_COST, ...PATIENT, LIMIT_DATABASE_CONNECTIONS: '1' };
    const gateway = await startGateway({ databaseUrl: database.url, settings });
    const lock = await lockTable(database.url, 'orders');
    const first = gateway.request('{ orders(first: 1) { nodes { id } } }');
    await lock.waiting(1);
    const leaving = new AbortController();
    const query = encodeURIComponent('{ orders(first: 2) { nodes { number } } }');
    const second = fetch(`${gateway.url}/graphql?query=${query}`, { signal: leaving.signal });
    // It was sent on a spare connection, too, where the server stopped it.
    const health = async () =>
      (await fetch(`${gateway.url}/health/ready`)).json() as Promise<{ waiting?: { reads: number } }>;
    await until('the second one to wait', health, ({ waiting }) => waiting?.reads === 1);
    leaving.abort();
    await expect(second).rejects.toThrow(/aborted/);
    await until(
      'the gateway to notice',
      () => gateway.metric('concierge_http_requests_in_flight'),
      (count) => count === 2,
    );
    const sent = await gateway.statementsOf(async () => {
      await lock.release();
      expect((await first).errors).toEqual([]);
      // Goes through the same queue, so the second one's turn is over.
      await gateway.data('{ agents(first: 1) { nodes { id } } }');
    });
    expect(Object.fromEntries(sent)).toEqual({ 'Query.agents page': 1 });
    await gateway.close();
  });
});
