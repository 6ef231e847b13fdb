import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
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
let id: string;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

let made = 0;
beforeEach(async () => {
  made += 1;
  const phone = { number: '+4930123456' };
  const own = { externalId: `own-${made}`, email: `own-${made}@example.com`, ownerId: idOf('Agent', 1) };
  const input = { name: 'Ada', company: 'Analytical', status: 'ACTIVE', tags: ['one', 'two'], phone, ...own };
  id = customerOf(await gateway.create(input)).id;
});

const rowNow = async (): Promise<Row> => {
  const [row] = await gateway.sql('SELECT * FROM customers WHERE id = ?', [rowOf(id)]);
  return row ?? {};
};

const changesNow = async () => {
  const rows = await gateway.sql(
    'SELECT version, action, changes FROM customer_changes WHERE customer_id = ? ORDER BY id',
    [rowOf(id)],
  );
  return rows.map(({ version, action, changes }) => ({ version, action, fields: JSON.parse(String(changes)) }));
};

test('given fields change and others stay; version, tags and the record of changes are updated', async () => {
  const before = await rowNow();
  // The tags' duplicated columns differ from the previous ones only after some time has passed.
  await aMoment();
  const answer = await gateway.update({ id, name: ' Ada Lovelace ', email: 'ADA@example.com' });
  expect(answer).toEqual({ customer: { id, version: 2, name: 'Ada Lovelace' }, userErrors: [] });
  const after = await rowNow();
  const updatedAt = after['updated_at'];
  expect(Number(updatedAt)).toBeGreaterThan(Number(before['updated_at']));
  expect(after).toEqual({
    ...before,
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    version: 2,
    updated_at: updatedAt,
  });
  const tags = await gateway.sql('SELECT * FROM customer_tags WHERE customer_id = ? ORDER BY tag', [rowOf(id)]);
  expect(tags).toEqual(
    ['one', 'two'].map((tag) => ({
      ...{ customer_id: BigInt(rowOf(id)), tag, name: 'Ada Lovelace' },
      ...{ created_at: before['created_at'], updated_at: updatedAt, owner_id: 1n },
    })),
  );
  expect((await changesNow()).slice(1)).toEqual([
    {
      version: 2,
      action: 'UPDATED',
      fields: [
        { field: 'name', before: 'Ada', after: 'Ada Lovelace' },
        { field: 'email', before: `own-${made}@example.com`, after: 'ada@example.com' },
      ],
    },
  ]);
});

test('the columns that tags duplicate are the same as those of their customers', async () => {
  await gateway.update({ id, ownerId: null });
  const [odd] = await gateway.sql(
    `SELECT CAST(COUNT(*) AS CHAR) AS odd FROM customer_tags AS t LEFT JOIN customers AS c ON c.id = t.customer_id
     WHERE c.id IS NULL OR t.created_at <> c.created_at OR t.updated_at <> c.updated_at OR BINARY t.name <> BINARY c.name
       OR NOT t.owner_id <=> c.owner_id`,
  );
  expect(odd).toEqual({ odd: '0' });
});

test('null clears nullable fields', async () => {
  const cleared = { externalId: null, email: null, phone: null, company: null, ownerId: null };
  const answer = await gateway.update({ id, ...cleared });
  expect(answer).toEqual({ customer: { id, version: 2, name: 'Ada' }, userErrors: [] });
  expect(await rowNow()).toMatchObject({
    ...{ external_id: null, email: null, phone: null, company: null, owner_id: null },
    ...{ name: 'Ada', status: 'ACTIVE' },
  });
  const [, change] = await changesNow();
  expect(change?.fields).toEqual([
    { field: 'externalId', before: `own-${made}`, after: null },
    { field: 'company', before: 'Analytical', after: null },
    { field: 'email', before: `own-${made}@example.com`, after: null },
    { field: 'phone', before: '+4930123456', after: null },
    { field: 'ownerId', before: '1', after: null },
  ]);
});

test('an update that changes nothing writes nothing', async () => {
  const same = { externalId: `own-${made}`, name: 'Ada', email: `OWN-${made}@example.com`, company: ' Analytical ' };
  const before = await gateway.everything();
  for (const input of [
    { id },
    { id, ...same, status: 'ACTIVE', phone: { number: '+49 30 123456' } },
    { id, expectedVersion: 1 },
  ])
    expect(await gateway.update(input)).toEqual({ customer: { id, version: 1, name: 'Ada' }, userErrors: [] });
  expect(await gateway.update({ id, ownerId: idOf('Agent', 1) })).toMatchObject({ customer: { version: 1 } });
  expect(await gateway.everything()).toEqual(before);
});

test('a difference in case alone is a change', async () => {
  expect(await gateway.update({ id, name: 'ADA' })).toEqual({
    customer: { id, version: 2, name: 'ADA' },
    userErrors: [],
  });
});

test('expectedVersion accepts the current version and refuses any other, with the current state', async () => {
  expect(await gateway.update({ id, expectedVersion: 1, name: 'Second' })).toMatchObject({ customer: { version: 2 } });
  const before = await gateway.everything();
  for (const expectedVersion of [1, 3, 0, -1])
    expect(await gateway.update({ id, expectedVersion, name: 'Third' })).toEqual({
      customer: { id, version: 2, name: 'Second' },
      userErrors: [
        {
          code: 'CONFLICT',
          message: `Expected version ${expectedVersion}, found 2.`,
          path: ['input', 'expectedVersion'],
        },
      ],
    });
  expect(await gateway.everything()).toEqual(before);
  expect(await gateway.update({ id, expectedVersion: null, name: 'Third' })).toMatchObject({
    customer: { version: 3 },
  });
});

test.each([
  ['empty', '', 'none'],
  ['of 256 characters', 'k'.repeat(256), '256'],
  ['with NUL', 'a\0b', 'ones that are not text'],
])('an idempotencyKey that is %s is refused, and nothing is written', async (_, idempotencyKey, came) => {
  const before = await gateway.everything();
  const message = `Expected 1 to 255 characters, got ${came}.`;
  expect(await gateway.update({ id, name: 'New', idempotencyKey })).toEqual({
    customer: { id, version: 1, name: 'Ada' },
    userErrors: [{ code: 'INVALID_INPUT', message, path: ['input', 'idempotencyKey'] }],
  });
  expect(await gateway.everything()).toEqual(before);
});

test('an update appears at once in results that were cached before', async () => {
  const query = 'query($id: ID!) { customer(by: { id: $id }) { name version changes(first: 1) { nodes { action } } } }';
  await gateway.data(query, { id });
  expect((await gateway.request(query, { variables: { id } })).headers.get('x-cache')).toBe('HIT');
  await gateway.update({ id, name: 'Fresh' });
  expect(await gateway.data(query, { id })).toEqual({
    customer: { name: 'Fresh', version: 2, changes: { nodes: [{ action: 'UPDATED' }] } },
  });
});
