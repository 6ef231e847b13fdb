import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Connection } from 'mariadb';
import { createReadStates } from '../../src/events/customer-states.ts';
import type { ReadStatement } from '../../src/db/database.ts';
import { customerOf, rowOf, startWritingGateway, type WritingGateway } from '../mutations/writing-gateway.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { withConnection } from '../support/servers.ts';
import { CHANGED, subscribe, type EventReader } from './event-reader.ts';

let writing: WritingGateway;
/** Shares the database, and nothing else. */
let apart: TestGateway;
const streams: EventReader[] = [];
beforeAll(async () => {
  writing = await startWritingGateway();
  apart = await startGateway({ databaseUrl: writing.databaseUrl });
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});
afterAll(async () => {
  await apart.close();
  await writing.close();
});

/** A stream about a new customer, after its first event. */
async function watchNewCustomer(query = CHANGED) {
  const { id } = customerOf(await writing.create({ name: 'Ada' }));
  const stream = await subscribe(writing.url, query, { variables: { id } });
  streams.push(stream);
  expect((await stream.next()).data.extensions.stream.state).toBe('LIVE');
  return { id, stream };
}

/** Writes through the gateway that tells nobody. */
async function writeApart(mutation: string, input: object): Promise<void> {
  const type = `${mutation[0]?.toUpperCase()}${mutation.slice(1)}Input`;
  const query = `mutation($input: ${type}!) { ${mutation}(input: $input) { userErrors { code } } }`;
  expect(await apart.data(query, { input })).toEqual({ [mutation]: { userErrors: [] } });
}

test('a subscription shows what a gateway writes that cannot tell others', async () => {
  const interactions =
    'subscription($id: ID!) { customerChanged(id: $id) { interactions(first: 5) { nodes { body } } } }';
  const updated = await watchNewCustomer();
  const owner = await watchNewCustomer(interactions);
  const merged = await watchNewCustomer();
  const deleted = await watchNewCustomer();
  const kept = customerOf(await writing.create({ name: 'Grace' }));
  await writeApart('updateCustomer', { id: updated.id, company: 'Untold Ltd' });
  await writeApart('logInteraction', { customerId: owner.id, kind: 'NOTE', body: 'Untold' });
  await writeApart('mergeCustomers', { keepId: kept.id, mergeId: merged.id });
  await writeApart('deleteCustomer', { id: deleted.id });

  expect((await updated.stream.next()).data.data.customerChanged).toMatchObject({ company: 'Untold Ltd', version: 2 });
  expect((await owner.stream.next()).data.data.customerChanged.interactions.nodes).toEqual([{ body: 'Untold' }]);
  expect((await deleted.stream.next()).data.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  await deleted.stream.end();
  await merged.stream.until(({ data }) => data.data.customerChanged.name === 'Grace');
  // From now on, the other customer is watched.
  await writeApart('updateCustomer', { id: kept.id, company: 'Untold Ltd' });
  await merged.stream.until(({ data }) => data.data.customerChanged.company === 'Untold Ltd');
});

describe('the statement that looks for changes', () => {
  /** It, for these customers. */
  async function statementFor(customerIds: readonly string[]): Promise<ReadStatement> {
    const sent: ReadStatement[] = [];
    const read = async (statement: ReadStatement) => {
      sent.push(statement);
      return [];
    };
    await createReadStates({ reader: () => ({ read }) })(customerIds);
    return sent[0] as ReadStatement;
  }

  /** How many rows and index entries the server has read for this connection. */
  async function handlerReads(connection: Connection): Promise<number> {
    const rows = await connection.query<{ Value: string }[]>("SHOW SESSION STATUS LIKE 'Handler_read%'");
    return rows.reduce((sum, { Value: value }) => sum + Number(value), 0);
  }

  test('looks up each customer and the last entry of its record, however long that is', async () => {
    const id = rowOf(customerOf(await writing.create({ name: 'Ada' })).id);
    const other = rowOf(customerOf(await writing.create({ name: 'Grace' })).id);
    await writing.sql(
      `INSERT INTO customer_changes (customer_id, version, action, changes, occurred_at)
       SELECT ?, id + 1, 'UPDATED', '[]', NOW(3) FROM customers LIMIT 50`,
      [id],
    );
    const { sql, values } = await statementFor([`${id}`, `${other}`, '999999999']);
    // Four of them, since it is padded.
    expect(values).toHaveLength(4);
    const rowsRead = await withConnection(writing.databaseUrl, async (connection) => {
      const counted = async (run: () => Promise<unknown>) => {
        const before = await handlerReads(connection);
        await run();
        return (await handlerReads(connection)) - before;
      };
      // Reading the counters reads rows, too.
      const own = await counted(async () => undefined);
      return (await counted(() => connection.query(sql, values))) - own;
    });
    expect(rowsRead).toBeGreaterThanOrEqual(4);
    expect(rowsRead).toBeLessThanOrEqual(8);
  });
});
