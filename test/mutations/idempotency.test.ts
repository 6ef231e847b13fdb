import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sweepKeys } from '../../src/crm/idempotency.ts';
import { createDatabase as connectDatabase } from '../../src/db/database.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { customerOf, rowOf, startWritingGateway, type Row, type WritingGateway } from './writing-gateway.ts';

let gateway: WritingGateway;

beforeAll(async () => {
  gateway = await startWritingGateway();
});

afterAll(() => gateway.close());

let made = 0;
const newKey = (): string => `key-${(made += 1)}`;

const keyRow = async (key: string): Promise<Row | undefined> =>
  (await gateway.sql('SELECT * FROM idempotency_keys WHERE idempotency_key = ?', [key]))[0];

const age = (key: string, hours: number): Promise<Row[]> =>
  gateway.sql(
    'UPDATE idempotency_keys SET created_at = UTC_TIMESTAMP(3) - INTERVAL ? MINUTE WHERE idempotency_key = ?',
    [hours * 60, key],
  );

describe('the same idempotency key', () => {
  test('with the same input writes once and returns the first result again, and that is counted', async () => {
    const input = { name: 'Once', email: 'once@example.com', tags: ['a'], idempotencyKey: newKey() };
    const first = await gateway.create(input);
    const [before, counted] = [await gateway.everything(), await gateway.metric('concierge_replayed_writes_total')];
    expect(await gateway.create(input)).toEqual(first);
    // The spelling of the input matters no more than the order of its fields or the spaces around the key.
    const { idempotencyKey, ...rest } = input;
    expect(await gateway.create({ idempotencyKey: ` ${idempotencyKey} `, ...rest, status: 'LEAD' })).toEqual(first);
    expect(await gateway.everything()).toEqual(before);
    expect(await gateway.metric('concierge_replayed_writes_total')).toBe(counted + 2);
  });

  test('returns the object in its current state, and null once it is deleted', async () => {
    const input = { name: 'First name', idempotencyKey: newKey() };
    const { id } = customerOf(await gateway.create(input));
    await gateway.update({ id, name: 'Second name' });
    expect(customerOf(await gateway.create(input))).toEqual({ id, version: 2, name: 'Second name' });
    await gateway.remove({ id });
    expect(await gateway.create(input)).toEqual({ customer: null, userErrors: [] });
  });

  test('also repeats a refusal, even if the write would succeed by now', async () => {
    const taken = customerOf(await gateway.create({ name: 'Taken', email: 'taken@example.com' }));
    const input = { name: 'Late', email: 'taken@example.com', tags: ['x'], idempotencyKey: newKey() };
    const refused = await gateway.create(input);
    expect(refused.userErrors).toEqual([
      {
        code: 'ALREADY_EXISTS',
        message: 'A customer has this email already.',
        path: ['input', 'email'],
      },
    ]);
    await gateway.remove({ id: taken.id });
    expect(await gateway.create(input)).toEqual(refused);
    expect((await gateway.create({ ...input, idempotencyKey: newKey() })).userErrors).toEqual([]);
  });

  test('of a refused write is the only thing that the write leaves', async () => {
    const { id } = customerOf(await gateway.create({ name: 'Stays', tags: ['one'] }));
    const before = await gateway.everything();
    const key = newKey();
    const stale = await gateway.remove({ id, expectedVersion: 7, idempotencyKey: key });
    expect(stale.userErrors.map(({ code }) => code)).toEqual(['CONFLICT']);
    const after = await gateway.everything();
    expect(after['idempotency_keys']?.length).toBe((before['idempotency_keys']?.length ?? 0) + 1);
    expect({ ...after, idempotency_keys: [] }).toEqual({ ...before, idempotency_keys: [] });
  });

  test.each([
    ['another input', (key: string) => gateway.create({ name: 'Other', idempotencyKey: key })],
    ['another mutation', (key: string) => gateway.log({ ...CONTACT, idempotencyKey: key })],
  ])('with %s is refused, and writes nothing', async (_, again) => {
    const key = newKey();
    await gateway.create({ name: 'First', idempotencyKey: key });
    const before = await gateway.everything();
    const { userErrors } = await again(key);
    expect(userErrors).toEqual([
      {
        code: 'IDEMPOTENCY_KEY_REUSED',
        message: 'Expected a new key for each write, got one that was used with another input less than 24 hours ago.',
        path: ['input', 'idempotencyKey'],
      },
    ]);
    expect(await gateway.everything()).toEqual(before);
  });

  test('in many concurrent requests writes once, and all of them get the same result', async () => {
    for (let round = 0; round < 5; round += 1) {
      const input = { name: 'Herd', email: `herd-${round}@example.com`, idempotencyKey: newKey() };
      const answers = await Promise.all(Array.from({ length: 8 }, () => gateway.create(input)));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      const { id } = customerOf(answers[0] ?? { customer: null, userErrors: [] });
      expect(await gateway.sql('SELECT id FROM customers WHERE email = ?', [input.email])).toEqual([
        { id: BigInt(rowOf(id)) },
      ]);
    }
  });

  test('is remembered for exactly 24 hours', async () => {
    const input = { name: 'Daily', idempotencyKey: newKey() };
    const first = customerOf(await gateway.create(input));
    await age(input.idempotencyKey, 23.9);
    expect(customerOf(await gateway.create(input))).toEqual(first);
    await age(input.idempotencyKey, 24.1);
    const again = await Promise.all(Array.from({ length: 4 }, () => gateway.create(input)));
    const ids = new Set(again.map((answer) => customerOf(answer).id));
    expect(ids.size).toBe(1);
    expect(ids.has(first.id)).toBe(false);
  });
});

test.each([
  ['empty', '', 'none'],
  ['invisible', '\u200b', 'none that is visible'],
  ['too long', 'k'.repeat(256), '256'],
])(
  'an idempotency key that is %s is refused together with everything else that is wrong',
  async (_, idempotencyKey, came) => {
    const { userErrors } = await gateway.create({ name: ' ', idempotencyKey });
    expect(userErrors).toEqual([
      { code: 'INVALID_INPUT', message: 'Expected 1 to 200 characters, got none.', path: ['input', 'name'] },
      {
        code: 'INVALID_INPUT',
        message: `Expected 1 to 255 characters, got ${came}.`,
        path: ['input', 'idempotencyKey'],
      },
    ]);
  },
);

test('keys are compared exactly', async () => {
  const ids = new Set<string>();
  for (const idempotencyKey of ['straße', 'STRASSE', 'strasse', 'stráße'])
    ids.add(customerOf(await gateway.create({ name: 'Same', idempotencyKey })).id);
  expect(ids.size).toBe(4);
});

test('expired keys are deleted, and the others stay', async () => {
  const [old, young] = [newKey(), newKey()];
  for (const idempotencyKey of [old, young]) await gateway.create({ name: 'Swept', idempotencyKey });
  await age(old, 25);
  const db = await connectDatabase({
    url: gateway.databaseUrl,
    connections: 1,
    statementMs: 600_000,
    waitMs: 600_000,
    metrics: createMetrics(),
  });
  try {
    expect(await sweepKeys(db.client)).toBeGreaterThanOrEqual(1);
  } finally {
    await db.close();
  }
  expect([await keyRow(old), (await keyRow(young))?.['mutation']]).toEqual([undefined, 'createCustomer']);
});

const CONTACT = { customerId: Buffer.from('Customer:1').toString('base64url'), kind: 'NOTE', body: 'x' };
