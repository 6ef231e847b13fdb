import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import type { Connection } from 'mariadb';
import { orGiveUp } from '../support/patience.ts';
import { createSoak } from '../support/soak.ts';
import { linesOf, startChaos, type Chaos, type Done } from './chaos.ts';
import { FAULTS, LOST_COMMITS } from './faults.ts';
import { MUTATIONS } from './mutations.ts';

const LEAST_WRITES = 300;
const REFUSALS = ['CONFLICT', 'NOT_FOUND'];
const { seed, again, goesOn, report } = createSoak('chaos');

const namesOf = (all: readonly { readonly name: string }[]): string[] => all.map(({ name }) => name).sort();

describe('while gateways are killed, connections cut and servers restarted under many clients', () => {
  let chaos: Chaos;
  beforeAll(async () => {
    const isEnough = ({ sent, byMutation, retried, refused }: Done) =>
      sent >= LEAST_WRITES &&
      retried > 10 &&
      MUTATIONS.every(({ name }) => name in byMutation) &&
      REFUSALS.every((code) => code in refused);
    const isReplayed = async () => ((await chaos.counted()).get('concierge_replayed_writes_total') ?? 0) > 0;
    chaos = await startChaos({ seed, isEnough: async (done) => !goesOn(isEnough(done) && (await isReplayed())) });
  });
  afterAll(() => chaos.close());

  test('no acknowledged write is lost or done twice, every sum is correct, and the record explains every version', async () => {
    const figures = await chaos.run();
    for (const line of linesOf(figures)) report(line);
    const violations = await chaos.withDatabase((connection) => chaos.violations(connection));
    expect({ again, violations, drifts: await chaos.drifts() }).toEqual({ again, violations: [], drifts: [] });
    // Verifies that the run was as wild as intended.
    expect(Object.keys(figures.faults).sort()).toEqual(namesOf(FAULTS));
    expect(Object.keys(figures.byMutation).sort()).toEqual(namesOf(MUTATIONS));
    expect(figures.acknowledged).toBe(figures.sent);
    expect(figures.acknowledged).toBeGreaterThanOrEqual(LEAST_WRITES);
    expect(figures.retried).toBeGreaterThan(10);
    expect(Object.keys(figures.refused)).toEqual(expect.arrayContaining(REFUSALS));
    const replayed = figures.counted['concierge_replayed_writes_total'];
    expect(replayed).toBeGreaterThan(0);
  });
});

describe('after correct writes', () => {
  let chaos: Chaos;
  beforeAll(async () => {
    // The rarest of what the damages below need; there are customers, orders and tickets long before.
    const merged = 'SELECT merged_id FROM customer_merges WHERE external_id IS NOT NULL LIMIT 1';
    const hasMerged = () =>
      chaos.withDatabase(async (connection) => (await connection.query<unknown[]>(merged)).length > 0);
    const isEnough = async ({ sent }: Done) => sent >= 200 && (await hasMerged());
    chaos = await startChaos({ seed: 2, clients: 1, faults: [], isEnough });
    await chaos.run();
  });
  afterAll(() => chaos.close());

  test('no violation is found', async () => {
    expect(await chaos.withDatabase((connection) => chaos.violations(connection))).toEqual([]);
  });

  // [the manual damage to the database, the statement, what the check must report]
  test.each<[string, string, RegExp]>([
    ['a ticket is lost', 'DELETE FROM tickets ORDER BY id DESC LIMIT 1', /^Ticket:\d+ is missing$/],
    ['a customer is lost', 'DELETE FROM customers ORDER BY id DESC LIMIT 1', /^Customer:\d+ is missing$/],
    ['an order is lost', 'DELETE FROM orders ORDER BY id DESC LIMIT 1', /^Order:\d+ is missing$/],
    ['an item of an order is lost', 'DELETE FROM order_items LIMIT 1', /^Order:\d+\.items is \w+, in the record \d+$/],
    [
      'an item has a larger quantity than was ordered',
      'UPDATE order_items SET quantity = quantity + 1 LIMIT 1',
      /^an order has a line that was not ordered/,
    ],
    [
      'an order has another total',
      'UPDATE orders SET total = total + 1 LIMIT 1',
      /^Order:\d+\.total is [\d.]+, in the record [\d.]+$/,
    ],
    [
      'an order is in a state that no client set',
      "UPDATE orders SET status = 'SHIPPED' WHERE status = 'PENDING' LIMIT 1",
      /^Order:\d+\.status is SHIPPED, in the record PENDING$/,
    ],
    [
      'an order belongs to another customer',
      `UPDATE orders SET customer_id = (SELECT MIN(id) FROM customers WHERE id <> customer_id) LIMIT 1`,
      /^Order:\d+ belongs to Customer:\d+, in the record to Customer:\d+$/,
    ],
    [
      'a tag is lost',
      "DELETE FROM customer_tags WHERE tag <> 'chaos' LIMIT 1",
      /^Customer:\d+\.tags is .+, in the record /,
    ],
    [
      'an address differs',
      "UPDATE customer_addresses SET city = 'Bern' LIMIT 1",
      /^Customer:\d+\.addresses is .+Bern.+, in the record /,
    ],
    [
      'the id of a merged customer leads nowhere',
      'DELETE FROM customer_merges LIMIT 1',
      /^Customer:\d+ leads nowhere, in the record to Customer:\d+/,
    ],
    [
      'the id of a merged customer leads to another customer',
      'UPDATE customer_merges SET kept_id = kept_id + 1 LIMIT 1',
      /^Customer:\d+ leads to Customer:\d+.+, in the record to Customer:\d+/,
    ],
    [
      'the external id of a merged customer is lost',
      'UPDATE customer_merges SET external_id = NULL WHERE external_id IS NOT NULL LIMIT 1',
      /^Customer:\d+ leads to Customer:\d+, its external id null, in the record to .+ mark-\d+$/,
    ],
    [
      "one side's entry of a merge is lost",
      "DELETE FROM customer_changes WHERE action = 'MERGED' AND changes LIKE '%mergedCustomer%' LIMIT 1",
      /^mergeCustomers .+ was acknowledged, and is in the record 1 times$/,
    ],
    [
      'a change of state that is in the record was not made by a client',
      `INSERT INTO customer_changes (customer_id, version, action, changes, occurred_at, subject_type, subject_id)
       SELECT customer_id, version, action, changes, occurred_at, subject_type, subject_id FROM customer_changes
       WHERE action = 'UPDATED' AND subject_type = 'Order' LIMIT 1`,
      /^UPDATED Order:\d+ status \w+ .+ is in the record, and no client was told of it$/,
    ],
    [
      'a later version has an earlier time',
      `UPDATE customer_changes SET occurred_at = '2020-01-01' WHERE version > 1 LIMIT 1`,
      /^entry \d+ of \w+:\d+ is of 2020-01-01T00:00:00.000Z, the one before it of /,
    ],
    [
      "a write to a merged id is in another customer's record",
      `UPDATE customer_changes SET customer_id = 999999 WHERE subject_type = 'Ticket' AND action = 'CREATED' LIMIT 1`,
      /^openTicket .+ is in the record of Customer:999999$/,
    ],
    [
      'a contact exists twice',
      `INSERT INTO interactions (customer_id, kind, body, occurred_at)
       SELECT customer_id, kind, body, occurred_at FROM interactions LIMIT 1`,
      /^Interaction:\d+ is there, and nothing in the record has left it there$/,
    ],
    [
      'a write is recorded twice',
      `INSERT INTO customer_changes (customer_id, version, action, changes, occurred_at, subject_type, subject_id)
       SELECT customer_id, version, action, changes, occurred_at, subject_type, subject_id FROM customer_changes LIMIT 1`,
      /^\w+ with key-\d+ .+ was acknowledged, and is in the record 2 times$/,
    ],
    [
      'an entry of the record is lost',
      "DELETE FROM customer_changes WHERE action = 'UPDATED' LIMIT 1",
      /was acknowledged, and is in the record 0 times$/,
    ],
    [
      'a deletion is lost from the record',
      "DELETE FROM customer_changes WHERE action = 'DELETED' LIMIT 1",
      /^deleteCustomer .+ was acknowledged, and is in the record 0 times$/,
    ],
    [
      'a deletion took more orders with it than there were',
      `UPDATE customer_changes SET changes = REPLACE(changes, '"orders","before":"', '"orders","before":"1')
       WHERE action = 'DELETED' AND changes LIKE '%"field":"orders"%' LIMIT 1`,
      /^entry \d+ of Customer:\d+ says that orders was 1\d+, the one before it \d+$/,
    ],
    [
      'there is an entry that no client knows of',
      `INSERT INTO customer_changes (customer_id, version, action, changes, occurred_at)
       VALUES (1, 1000, 'UPDATED', '[]', UTC_TIMESTAMP(3))`,
      /^UPDATED Customer:1 \[\] is in the record, and no client was told of it$/,
    ],
    [
      'an entry has another value as the previous one',
      `UPDATE customer_changes SET changes = REPLACE(changes, '"before":"', '"before":"x')
       WHERE action = 'UPDATED' AND changes LIKE '%"before":"%' LIMIT 1`,
      /^entry \d+ of \w+:\d+ says that \w+ was x.+, the one before it .+$/,
    ],
    [
      'a value that was sent is another one in the record',
      `UPDATE customer_changes SET changes = REPLACE(changes, '"field":"kind","before":null,"after":"', '"field":"kind","before":null,"after":"X')
       WHERE subject_type = 'Interaction' LIMIT 1`,
      /^logInteraction .+ sent kind [A-Z]+, and is recorded with X[A-Z]+$/,
    ],
    [
      'a value that was sent is nowhere',
      `UPDATE customer_changes SET changes = REPLACE(changes, '"field":"currency",', '"field":"odd",')
       WHERE subject_type = 'Order' AND action = 'CREATED' LIMIT 1`,
      /^createOrder .+ sent currency [A-Z]{3}, and is recorded with null$/,
    ],
    [
      'an update is lost',
      "UPDATE customers SET company = 'lost' LIMIT 1",
      /^Customer:\d+\.company is lost, in the record/,
    ],
    [
      'a version is raised without a change',
      'UPDATE tickets SET version = version + 1 LIMIT 1',
      /^Ticket:\d+ has version \d+, in the record \d+$/,
    ],
    [
      'a contact has the text of another one',
      "UPDATE interactions SET body = 'mark-0' LIMIT 1",
      /^a contact has what another was to say/,
    ],
    [
      'a count is off',
      'UPDATE customer_stats SET open_ticket_count = open_ticket_count + 1 LIMIT 1',
      /^a customer whose counts are not those of its rows/,
    ],
    [
      'there is a sum for a currency without orders',
      "INSERT INTO customer_values VALUES (1, 'EUR', 1)",
      /^a customer and currency whose orders come to another value/,
    ],
    ['a key is lost', 'DELETE FROM idempotency_keys LIMIT 1', /^\w+ with key-\d+ .+, and its key has undefined$/],
    [
      'a key has another outcome',
      `UPDATE idempotency_keys SET answer = '{"userErrors":[]}' LIMIT 1`,
      /^\w+ with key-\d+ .+, and its key has .+userErrors/,
    ],
    [
      'there is a key that no client has sent',
      "UPDATE idempotency_keys SET idempotency_key = 'odd' LIMIT 1",
      /^odd is kept, and no client has sent it$/,
    ],
  ])('the check would find that %s', async (_, statement, expected) => {
    const damaged = async (connection: Connection): Promise<readonly string[]> => {
      await connection.beginTransaction();
      try {
        const { affectedRows } = await connection.query<{ affectedRows: number }>(statement);
        expect(affectedRows).toBe(1);
        return await chaos.violations(connection);
      } finally {
        await connection.rollback();
      }
    };
    const found = await chaos.withDatabase(damaged);
    expect(found.filter((sentence) => expected.test(sentence)).length).toBeGreaterThan(0);
  });
});

test('clients make every mutation of the schema', () => {
  const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
  expect(namesOf(MUTATIONS)).toEqual(Object.keys(schema.getMutationType()?.getFields() ?? {}).sort());
});

test('the check would find double writes of clients that used a new key for each retry', async () => {
  const doneTwice = /was (acknowledged, and is in the record [2-9]|refused \(\w+\), and is in the record 1) times$/;
  const violations = () => chaos.withDatabase((connection) => chaos.violations(connection));
  const isFound = async () => (await violations()).some((sentence) => doneTwice.test(sentence));
  const chaos = await startChaos({
    seed,
    // Attempts also fail for other reasons, especially on a busy machine, without the write having been done.
    isEnough: async ({ sent, retried }) => sent >= 60 && retried >= 15 && (await isFound()),
    faults: [LOST_COMMITS],
    isKeyForgotten: true,
  });
  try {
    await orGiveUp('a write that was done twice to be found', chaos.run(), () => chaos.journal.length);
    expect(await violations()).toContainEqual(expect.stringMatching(doneTwice));
  } finally {
    await chaos.close();
  }
});
