import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ownedTablesOf } from '../../src/crm/define-type.ts';
import { TYPES } from '../../src/crm/registry.ts';
import { contradictions } from '../cli/table-contents.ts';
import {
  aMoment,
  customerOf,
  idOf,
  rowOf,
  startWritingGateway,
  type Row,
  type WritingGateway,
} from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

const tables = ownedTablesOf(TYPES).map(({ table }) => table.name);

/** Two customers with rows in every table, by row id: the one with fewer is kept. */
async function busyPair(): Promise<[kept: bigint, merged: bigint]> {
  const has = [...tables, 'customer_tags', 'customer_addresses', 'customer_values'].map(
    (table) => `EXISTS (SELECT 1 FROM ${table} AS t WHERE t.customer_id = c.id)`,
  );
  const rows = await gateway.sql(`SELECT c.id FROM customers AS c WHERE ${has.join(' AND ')} ORDER BY c.id LIMIT 2`);
  const [kept, merged] = rows.map(({ id }) => id as bigint);
  if (kept === undefined || merged === undefined) throw new Error('expected two busy customers');
  return [kept, merged];
}

const of = (rows: readonly Row[] | undefined, id: bigint): Row[] =>
  (rows ?? []).filter((row) => row['customer_id'] === id);

/** A customer's record of changes, oldest first. */
async function changesOf(id: bigint) {
  const rows = await gateway.sql(
    `SELECT subject_type AS type, CAST(subject_id AS CHAR) AS subject, version, action, changes FROM customer_changes
     WHERE customer_id = ? ORDER BY id`,
    [id],
  );
  return rows.map(({ type, subject, version, action, changes }) => {
    const fields: object[] = JSON.parse(String(changes));
    return { type, subject, version, action, fields };
  });
}

describe('mergeCustomers', () => {
  test('moves every row in every table, adds up the summaries, and changes no other customer', async () => {
    const [kept, merged] = await busyPair();
    const before = await gateway.everything();
    const input = { keepId: idOf('Customer', kept), mergeId: idOf('Customer', merged), expectedVersion: 1 };
    expect(await gateway.merge(input)).toMatchObject({ customer: { id: input.keepId, version: 2 }, userErrors: [] });
    const after = await gateway.everything();

    for (const table of tables) {
      expect(of(before[table], merged).length).toBeGreaterThan(0);
      const moved = before[table]?.map((row) => (row['customer_id'] === merged ? { ...row, customer_id: kept } : row));
      expect(after[table]).toEqual(moved);
    }
    expect(after['order_items']).toEqual(before['order_items']);
    expect(of(after['customer_addresses'], kept)).toEqual(
      [...of(before['customer_addresses'], kept), ...of(before['customer_addresses'], merged)].map((row, position) => ({
        ...row,
        ...{ customer_id: kept, position },
      })),
    );
    const tags = (rows: Row[]) => rows.map(({ tag }) => tag);
    expect(new Set(tags(of(after['customer_tags'], kept)))).toEqual(
      new Set(tags([...of(before['customer_tags'], kept), ...of(before['customer_tags'], merged)])),
    );
    expect(after['customer_merges']).toMatchObject([{ merged_id: merged, kept_id: kept }]);
    for (const [table, rows] of Object.entries(after)) {
      const isOthers = (row: Row) => ![kept, merged].includes((row['customer_id'] ?? row['id']) as bigint);
      if (table !== 'customer_merges') expect(rows.filter(isOthers)).toEqual(before[table]?.filter(isOthers));
      expect(table === 'customer_merges' ? [] : of(rows, merged)).toEqual([]);
    }
    expect(after['customers']?.find(({ id }) => id === merged)).toBeUndefined();

    // The expected summary is recomputed from the rows.
    expect(await contradictions(gateway.databaseUrl)).toEqual([]);
    const [stats, ...others] = [before, before, after].map(
      ({ customer_stats: rows }, i) => of(rows, i === 1 ? merged : kept)[0],
    );
    const [mergedStats, sum] = others;
    for (const figure of ['order_count', 'open_ticket_count'])
      expect(sum?.[figure]).toBe(Number(stats?.[figure]) + Number(mergedStats?.[figure]));
    expect(Number(mergedStats?.['order_count'])).toBeGreaterThan(0);
  });

  test("fills the kept customer's empty fields, leaves the others, and records both sides with the values that are lost", async () => {
    const keep = await gateway.create({
      name: 'Ada',
      company: 'Analytical',
      tags: ['b', 'vip'],
      addresses: [{ line1: 'A' }],
    });
    const full = {
      ...{ name: 'Countess', company: 'Ada & Co', status: 'ACTIVE', tags: ['VIP', 'a'] },
      ...{
        email: 'ada@example.com',
        externalId: 'crm-ada',
        phone: { number: '+4930123456' },
        ownerId: idOf('Agent', 1),
      },
      addresses: [{ line1: 'B', country: 'DE' }],
    };
    const merge = await gateway.create(full);
    const [keepId, mergeId] = [customerOf(keep).id, customerOf(merge).id];
    const [kept, merged] = [BigInt(rowOf(keepId)), BigInt(rowOf(mergeId))];
    const [row] = await gateway.sql('SELECT * FROM customers WHERE id = ?', [kept]);
    const [gone] = await gateway.sql('SELECT * FROM customers WHERE id = ?', [merged]);
    await gateway.update({ id: mergeId, company: 'Ada & Sons' });
    const [updated] = await gateway.sql('SELECT updated_at FROM customers WHERE id = ?', [merged]);
    await aMoment();
    expect(await gateway.merge({ keepId, mergeId })).toEqual({
      customer: { id: keepId, version: 3, name: 'Ada' },
      userErrors: [],
    });

    const [now] = await gateway.sql('SELECT * FROM customers WHERE id = ?', [kept]);
    expect(now).toEqual({
      ...row,
      ...{ email: 'ada@example.com', external_id: 'crm-ada', phone: '+4930123456', owner_id: 1n, version: 3 },
      updated_at: now?.['updated_at'],
    });
    expect(Number(now?.['updated_at'])).toBeGreaterThan(Number(row?.['updated_at']));
    expect(await gateway.sql('SELECT * FROM customer_merges WHERE kept_id = ?', [kept])).toEqual([
      { merged_id: merged, kept_id: kept, external_id: null, merged_at: now?.['updated_at'] },
    ]);
    const moments = [gone?.['created_at'], updated?.['updated_at']].map((moment) => (moment as Date).toISOString());
    const changes = await changesOf(kept);
    const filled = {
      ...{ externalId: 'crm-ada', email: 'ada@example.com', phone: '+4930123456', ownerId: '1' },
    };
    const own = { type: null, subject: null };
    const others = { type: 'Customer', subject: String(merged) };
    expect(changes.map(({ type, subject, version, action }) => ({ type, subject, version, action }))).toEqual([
      { ...own, version: 1, action: 'CREATED' },
      { ...others, version: 1, action: 'CREATED' },
      { ...others, version: 2, action: 'UPDATED' },
      { ...others, version: 3, action: 'MERGED' },
      { ...own, version: 3, action: 'MERGED' },
    ]);
    expect(changes[4]?.fields).toEqual([
      { field: 'mergedCustomer', before: null, after: mergeId },
      ...Object.entries(filled).map(([field, after]) => ({ field, before: null, after })),
      { field: 'tags', before: 'b, vip', after: 'a, b, vip' },
      { field: 'addresses', before: 'line1: "A"', after: 'line1: "A"; line1: "B", country: "DE"' },
    ]);
    expect(new Set(changes[3]?.fields)).toEqual(
      new Set([
        { field: 'mergedInto', before: null, after: keepId },
        { field: 'name', before: 'Countess', after: null },
        { field: 'company', before: 'Ada & Sons', after: null },
        { field: 'status', before: 'ACTIVE', after: null },
        { field: 'createdAt', before: moments[0], after: null },
        { field: 'updatedAt', before: moments[1], after: null },
        { field: 'tags', before: 'a, VIP', after: null },
        { field: 'addresses', before: 'line1: "B", country: "DE"', after: null },
      ]),
    );
    expect(await contradictions(gateway.databaseUrl)).toEqual([]);
  });

  test("frees the merged customer's email for others, but not its external id", async () => {
    const keepId = customerOf(await gateway.create({ name: 'K', email: 'k@example.com', externalId: 'free-k' })).id;
    const mergeId = customerOf(await gateway.create({ name: 'M', email: 'm@example.com', externalId: 'free-m' })).id;
    await gateway.merge({ keepId, mergeId });
    expect(await gateway.sql('SELECT external_id FROM customer_merges WHERE merged_id = ?', [rowOf(mergeId)])).toEqual([
      { external_id: 'free-m' },
    ]);
    const other = customerOf(await gateway.create({ name: 'Other', email: 'm@example.com' }));
    const taken = {
      code: 'ALREADY_EXISTS',
      message: 'A customer has this externalId already.',
      path: ['input', 'externalId'],
    };
    const before = await gateway.everything();
    expect((await gateway.create({ name: 'New', externalId: 'free-m' })).userErrors).toEqual([taken]);
    expect((await gateway.update({ id: other.id, externalId: 'free-m' })).userErrors).toEqual([taken]);
    expect(await gateway.everything()).toEqual(before);

    // The kept one may take it as its own, and be merged with it into a third.
    expect((await gateway.update({ id: keepId, externalId: 'free-m' })).userErrors).toEqual([]);
    expect((await gateway.merge({ keepId: other.id, mergeId: keepId })).userErrors).toEqual([]);
    const [row] = await gateway.sql('SELECT external_id FROM customers WHERE id = ?', [rowOf(other.id)]);
    expect(row).toEqual({ external_id: 'free-m' });
  });

  test('makes all earlier ids lead to the third customer when the kept one is merged again', async () => {
    const ids: string[] = [];
    for (const name of ['A', 'B', 'C', 'D'])
      ids.push(customerOf(await gateway.create({ name, externalId: `chain-${name}` })).id);
    const [a, b, c, d] = ids;
    await gateway.merge({ keepId: b, mergeId: a });
    await gateway.merge({ keepId: d, mergeId: c });
    // With merged ids on both sides.
    expect((await gateway.merge({ keepId: c, mergeId: a, expectedVersion: 2 })).customer).toMatchObject({
      id: d,
      version: 3,
    });
    const rows = await gateway.sql(
      "SELECT merged_id, kept_id, external_id FROM customer_merges WHERE external_id LIKE 'chain-%' ORDER BY merged_id",
    );
    expect(rows).toEqual(
      ['A', 'B', 'C'].map((name, i) => ({
        ...{ merged_id: BigInt(rowOf(ids[i])), kept_id: BigInt(rowOf(d)) },
        external_id: `chain-${name}`,
      })),
    );
    const changes = await changesOf(BigInt(rowOf(d)));
    expect(changes.filter(({ type }) => type === null).map(({ version }) => version)).toEqual([1, 2, 3]);
    for (const [id, versions] of [
      [a, [1, 2]],
      [b, [1, 2, 3]],
      [c, [1, 2]],
    ] as const)
      expect(
        new Set(changes.filter(({ subject }) => subject === String(rowOf(id))).map(({ version }) => version)),
      ).toEqual(new Set(versions));
  });

  test('keeps the kept customer’s spelling of a tag that both have, and the other one only in the record of changes', async () => {
    const keepId = customerOf(await gateway.create({ name: 'Kept', tags: ['ガ', 'x'] })).id;
    const mergeId = customerOf(await gateway.create({ name: 'Merged', tags: ['か', 'y'] })).id;
    expect((await gateway.merge({ keepId, mergeId })).userErrors).toEqual([]);
    const { customer } = await gateway.data(
      'query($id: ID!) { customer(by: { id: $id }) { tags changes(first: 2) { nodes { fields { field before after } } } } }',
      { id: keepId },
    );
    expect(customer.tags).toEqual(['x', 'y', 'ガ']);
    expect(customer.changes.nodes.flatMap(({ fields }: { fields: object[] }) => fields)).toEqual(
      expect.arrayContaining([
        { field: 'tags', before: 'x, ガ', after: 'x, y, ガ' },
        { field: 'tags', before: 'y, か', after: null },
      ]),
    );
  });

  test('accepts 20 tags and 20 addresses together, and refuses more, saying how many there would be', async () => {
    const lists = (name: string, count: number) => ({
      ...{ name, tags: Array.from({ length: count }, (_, i) => `${name} ${i}`) },
      addresses: Array.from({ length: count }, (_, i) => ({ line1: `${name} ${i}` })),
    });
    const keepId = customerOf(await gateway.create(lists('Kept', 12))).id;
    const [eight, nine] = [
      customerOf(await gateway.create(lists('Eight', 8))).id,
      customerOf(await gateway.create(lists('Nine', 9))).id,
    ];
    const refused = (list: string) => ({
      customer: { id: keepId, version: 1, name: 'Kept' },
      userErrors: [
        {
          code: 'INVALID_INPUT',
          message: `Expected at most 20 ${list} on a customer, got 21 in all.`,
          path: ['input', 'mergeId'],
        },
      ],
    });
    const before = await gateway.everything();
    expect(await gateway.merge({ keepId, mergeId: nine })).toEqual(refused('tags'));
    expect(await gateway.everything()).toEqual(before);
    await gateway.removeTags({ customerId: nine, tags: ['nine 1'] });
    expect(await gateway.merge({ keepId, mergeId: nine })).toEqual(refused('addresses'));
    expect((await gateway.merge({ keepId, mergeId: eight })).userErrors).toEqual([]);
    const { customer } = await gateway.data(
      'query($id: ID!) { customer(by: { id: $id }) { tags addresses { line1 } } }',
      {
        id: keepId,
      },
    );
    expect([customer.tags.length, customer.addresses.length]).toEqual([20, 20]);
    expect(customer.addresses[12]).toEqual({ line1: 'Eight 0' });
  });

  test('merges once per idempotencyKey, and repeated earlier writes return the kept customer', async () => {
    const keepId = customerOf(await gateway.create({ name: 'K' })).id;
    const created = { name: 'M', idempotencyKey: `created ${keepId}` };
    const mergeId = customerOf(await gateway.create(created)).id;
    const input = { keepId, mergeId, idempotencyKey: `merged ${keepId}` };
    const answers = await Promise.all(Array.from({ length: 4 }, () => gateway.merge(input)));
    for (const answer of [...answers, await gateway.create(created)])
      expect(answer).toEqual({ customer: { id: keepId, version: 2, name: 'K' }, userErrors: [] });
    expect((await gateway.merge({ ...input, mergeId: keepId })).userErrors).toMatchObject([
      { code: 'IDEMPOTENCY_KEY_REUSED' },
    ]);
  });
});

describe('writes to the id of a merged customer', () => {
  let keepId: string;
  let mergeId: string;
  beforeEach(async () => {
    keepId = customerOf(await gateway.create({ name: 'Kept' })).id;
    mergeId = customerOf(await gateway.create({ name: 'Merged' })).id;
    await gateway.merge({ keepId, mergeId });
  });

  test('go to the kept customer, and return it', async () => {
    const answers = [
      await gateway.update({ id: mergeId, company: 'x', expectedVersion: 2 }),
      await gateway.addTags({ customerId: mergeId, tags: ['a', 'b'] }),
      await gateway.removeTags({ customerId: mergeId, tags: ['b'] }),
      await gateway.setAddresses({ customerId: mergeId, addresses: [{ line1: 'A' }] }),
    ];
    for (const [i, answer] of answers.entries())
      expect(answer).toEqual({ customer: { id: keepId, version: 3 + i, name: 'Kept' }, userErrors: [] });
    expect((await gateway.log({ customerId: mergeId, kind: 'NOTE', body: 'Hello' })).userErrors).toEqual([]);
    expect(
      await gateway.data(
        'query($id: ID!) { customer(by: { id: $id }) { tags addresses { line1 } interactions { nodes { body } } } }',
        { id: keepId },
      ),
    ).toEqual({ customer: { tags: ['a'], addresses: [{ line1: 'A' }], interactions: { nodes: [{ body: 'Hello' }] } } });
  });

  test('that are refused return the kept customer', async () => {
    const kept = { id: keepId, version: 2, name: 'Kept' };
    const stale = { expectedVersion: 1 };
    for (const answer of [
      await gateway.update({ id: mergeId, ...stale }),
      await gateway.addTags({ customerId: mergeId, tags: ['a'], ...stale }),
      await gateway.setAddresses({ customerId: mergeId, addresses: [], ...stale }),
      await gateway.merge({ keepId: mergeId, mergeId: idOf('Customer', 1), ...stale }),
    ])
      expect([answer.customer, answer.userErrors[0]?.code]).toEqual([kept, 'CONFLICT']);
  });

  test('that expect a version which it had itself, and the kept customer has not, are refused', async () => {
    const former = customerOf(await gateway.create({ name: 'Former' })).id;
    expect(customerOf(await gateway.update({ id: former, company: 'x' })).version).toBe(2);
    const other = customerOf(await gateway.create({ name: 'Other' })).id;
    expect(customerOf(await gateway.merge({ keepId: other, mergeId: former })).version).toBe(3);
    const stale = { expectedVersion: 2 };
    const answers = [
      await gateway.update({ id: former, company: 'y', ...stale }),
      await gateway.addTags({ customerId: former, tags: ['a'], ...stale }),
      await gateway.removeTags({ customerId: former, tags: ['a'], ...stale }),
      await gateway.setAddresses({ customerId: former, addresses: [], ...stale }),
      await gateway.merge({ keepId: former, mergeId: idOf('Customer', 1), ...stale }),
      await gateway.remove({ id: former, ...stale }),
    ];
    for (const { userErrors } of answers)
      expect(userErrors).toEqual([
        { code: 'CONFLICT', message: 'Expected version 2, found 3.', path: ['input', 'expectedVersion'] },
      ]);
    expect(
      await gateway.sql(
        'SELECT subject_id AS subject, version FROM customer_changes WHERE customer_id = ? ORDER BY id',
        [rowOf(other)],
      ),
    ).toEqual([
      ...[1, 2].map((version) => ({ subject: BigInt(rowOf(former)), version })),
      { subject: null, version: 1 },
      { subject: BigInt(rowOf(former)), version: 3 },
      { subject: null, version: 3 },
    ]);
  });

  test('can delete the kept customer', async () => {
    expect(await gateway.remove({ id: mergeId })).toEqual({ deletedCustomerId: keepId, userErrors: [] });
    expect(await gateway.sql('SELECT * FROM customer_merges WHERE kept_id = ?', [rowOf(keepId)])).toEqual([]);
  });
});
